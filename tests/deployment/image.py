"""What is in the image, and what a container of ours may do."""

from __future__ import annotations

import json

from tests.deployment.engine import Container, Engine
from tests.deployment.table import Failed, ResultTable
from tests.testkit.process import ROOT

_SCAN = ROOT / "deploy" / "scan.py"
_INSTALLED = (
    "python -c 'import re; from importlib.metadata import distributions; "
    'print(*(re.sub(r"[-_.]+", "-", d.name).lower() for d in distributions()))\''
)
_TOOLS = ("pip", "pip3", "gcc", "cc", "g++", "make", "ld", "curl", "wget")


async def check_image(engine: Engine, image: str, table: ResultTable) -> None:
    """Look into the image without starting a service."""
    answer = await engine.docker(
        "image", "inspect", "--format", "{{.Size}} {{.Config.User}}", image
    )
    size, user = answer.split()
    own = (await _in_image(engine, image, "du -sm /opt/dexwire")).split()[0]
    table.result("image: size", f"{int(size) / 1e6:.0f} MB, of which dexwire {own} MB")
    table.result("image: user", user, ok=user == "10001:10001")
    found = await _in_image(engine, image, f"command -v {' '.join(_TOOLS)} || true")
    table.result("image: no pip, no compiler", found.strip() or "none", ok=not found.strip())
    imported = await _in_image(engine, image, "python -c 'import pip' 2>&1 || true")
    table.result(
        "image: pip cannot be imported", imported.split("\n")[-2], ok="No module" in imported
    )
    version = await engine.docker("run", "--rm", "--network", "none", image, "--version")
    table.result("image: the command picks", version.strip(), ok=version.startswith("dexwire "))


async def check_files(engine: Engine, image: str, table: ResultTable) -> None:
    """Scan every file of the image, and compare its bill of materials with what is installed."""
    text = _SCAN.read_text(encoding="utf-8")
    words = ("run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "sh", image, "-c")
    found = await engine.docker(*words, 'python -c "$1" || true', "scan", text)
    lines = found.strip().splitlines()
    table.result("image: nothing left of its build", "; ".join(lines[:5]) or "none", ok=not lines)
    bill = json.loads(await _in_image(engine, image, "cat /opt/dexwire/sbom.cdx.json"))
    listed = {part["name"] for part in bill["components"] if part["purl"].startswith("pkg:pypi")}
    there = set((await _in_image(engine, image, _INSTALLED)).split())
    same = listed == there
    table.result("image: its bill of materials", f"{len(listed)} Python packages", ok=same)


async def check_container(engine: Engine, container: Container, table: ResultTable) -> None:
    """Try what a container must not be able to do."""
    ident, name = container.ident, container.name
    tried = await _tried(engine, ident, "touch /usr/x")
    table.result(f"{name}: the root is read-only", tried, ok="Read-only" in tried)
    tried = await _tried(engine, ident, "cp /bin/true /tmp/x; chmod +x /tmp/x; /tmp/x")
    table.result(f"{name}: /tmp runs nothing", tried, ok="denied" in tried)
    status = await engine.docker("exec", ident, "cat", "/proc/self/status")
    held = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    rights = f"CapEff {held['CapEff'].strip()}, NoNewPrivs {held['NoNewPrivs'].strip()}"
    none = int(held["CapEff"], 16) == 0 and held["NoNewPrivs"].strip() == "1"
    table.result(f"{name}: has no capability", rights, ok=none)


async def _tried(engine: Engine, ident: str, command: str) -> str:
    """Return what a command says that should fail."""
    try:
        await engine.docker("exec", ident, "sh", "-c", command)
    except Failed as error:
        return str(error).splitlines()[-1]
    return "it worked"


async def _in_image(engine: Engine, image: str, command: str) -> str:
    words = ("run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", command)
    return await engine.docker(*words)
