"""Both distributions, built from this tree and installed into an environment that was empty."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from dexwire.runfile import Running, find_running
from tests.testkit.process import ROOT
from tests.testkit.wait import eventually

pytestmark = [pytest.mark.xdist_group(__name__), pytest.mark.timeout(300)]
SERVER = ROOT / "packaging" / "server"
MODULES = """
import sys
from dexwire.stream import closing, limits, messages, schemas, topics
import dexwire.client
print(sorted(sys.modules.keys() & {"shared", "services", "dexwire.server"}))
"""
USE_CLIENT = """
import asyncio, sys
from dexwire import Client
async def main():
    async with Client(sys.argv[1], ws_url=sys.argv[2]) as client:
        page = await client.page(limit=3)
        async for event in client.stream("all"):
            if type(event).__name__ == "Snapshot":
                return print(len(page.tokens), len(event.rows) > 100)
asyncio.run(main())
"""


def build(project: Path, kind: str, out: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, "wheel", out)
    build(SERVER, "wheel", out)
    return out


def members(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as opened:
        return [name for name in opened.namelist() if ".dist-info/" not in name]


def test_the_client_brings_no_package_called_shared_or_services(dist: Path) -> None:
    client = members(next(dist.glob("dexwire-*.whl")))

    assert {name.split("/")[0] for name in client} == {"dexwire"}
    assert [name for name in client if name.startswith("dexwire/server/")] == []
    assert {"dexwire/py.typed", "dexwire/stream/messages.py"} <= set(client)


def test_the_server_brings_the_rest_and_no_file_twice(dist: Path) -> None:
    client = members(next(dist.glob("dexwire-*.whl")))
    server = members(next(dist.glob("dexwire_server-*.whl")))

    assert {name.split("/")[0] for name in server} == {"dexwire", "services", "shared"}
    assert set(client).isdisjoint(server)
    assert {"services/py.typed", "shared/py.typed", "services/api/page/index.html"} <= set(server)
    tracked = subprocess.run(
        ["git", "ls-files", "dexwire", "services", "shared"],
        cwd=ROOT, capture_output=True, check=True, encoding="utf-8",
    )  # fmt: skip
    assert set(tracked.stdout.split()) - {*client, *server} == set()


@pytest.mark.parametrize("project", [ROOT, SERVER], ids=["dexwire", "dexwire-server"])
def test_a_source_distribution_gives_the_same_wheel(
    dist: Path, project: Path, tmp_path: Path
) -> None:
    build(project, "sdist", tmp_path)
    archive = next(tmp_path.glob("*.tar.gz"))
    subprocess.run(["tar", "-xf", str(archive), "-C", str(tmp_path)], check=True)
    build(tmp_path / archive.name.removesuffix(".tar.gz"), "wheel", tmp_path)

    again = next(tmp_path.glob("*.whl"))
    assert members(again) == members(dist / again.name)


# -- one environment, which grows part by part -----------------------------------------------------
class Environment:
    """An environment with nothing in it, not even pip."""

    def __init__(self, folder: Path, dist: Path) -> None:
        venv.create(folder, with_pip=False)
        self._folder = folder
        self._dist = dist
        self._pins = folder / "pins.txt"
        locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
        pins = re.findall(r"^[A-Za-z0-9._\[\],-]+==[^ \n\\]+(?: ; [^\\\n]+)?", locked, re.MULTILINE)
        without_extras = [re.sub(r"\[[^\]]*\]", "", pin) for pin in pins]
        self._pins.write_text("\n".join(without_extras), encoding="utf-8")

    @property
    def path(self) -> str:
        return str(self._folder)

    def install(self, name: str, extra: str = "") -> None:
        """Install a distribution of ours, what it needs from the registry as it is locked."""
        wheel = next(self._dist.glob(f"{name}-*.whl"))
        python = str(self._folder / "bin" / "python")
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", python, "install", "--quiet",
             "--disable-pip-version-check", "--find-links", str(self._dist),
             "--only-binary", ":all:", "-c", str(self._pins), f"{wheel}{extra}"],
            check=True,
        )  # fmt: skip

    def uninstall(self, name: str) -> None:
        python = str(self._folder / "bin" / "python")
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", python, "uninstall", "--quiet", "--yes",
             "--disable-pip-version-check", name],
            check=True,
        )  # fmt: skip

    def left_of(self, *packages: str) -> list[str]:
        """The files that an installation has of these packages; compiled ones are nobody's."""
        places = [
            place
            for name in packages
            for place in self._folder.glob(f"lib/python*/site-packages/{name}/**/*")
        ]
        return [str(path) for path in places if path.is_file() and path.suffix != ".pyc"]

    def size(self) -> int:
        places = self._folder.glob("lib/python*/site-packages/**/*")
        return sum(path.stat().st_size for path in places if path.is_file())

    def run(self, *words: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._folder / "bin" / words[0]), *words[1:]],
            capture_output=True, encoding="utf-8", timeout=timeout_s, check=False,
            env={**os.environ, "PATH": f"{self._folder}/bin"},
        )  # fmt: skip

    def first_line(self, *words: str) -> str:
        """The first line that is not about the connection; then it is ended."""
        command = [str(self._folder / "bin" / words[0]), *words[1:]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
            assert process.stdout is not None
            found = next(line for line in process.stdout if not line.startswith("-  "))
            process.terminate()
        return found

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([str(self._folder / "bin" / words[0]), *words[1:]])


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, dist: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"), dist)


def test_the_client_alone_works_in_15_mb(environment: Environment, demo: Running) -> None:
    environment.install("dexwire")

    used = environment.run("python", "-c", USE_CLIENT, demo.api, f"{demo.ws}/ws")
    assert used.stdout == "3 True\n", used.stderr
    assert environment.run("python", "-c", MODULES).stdout == "[]\n"
    print(f"client: {environment.size() / 1e6:.1f} MB")
    assert environment.size() < 15_000_000
    done = environment.run("dexwire", "query")
    assert (done.returncode, done.stderr) == (
        1, 'dexwire: the commands are not installed: pip install "dexwire[cli]"\n',
    )  # fmt: skip


def test_the_terminal_commands_come_with_cli(environment: Environment, demo: Running) -> None:
    environment.install("dexwire", "[cli]")

    at = ("--url", demo.api)
    ws = ("--ws-url", f"{demo.ws}/ws")
    assert "of" in environment.run("dexwire", "query", "--limit", "3", *at).stdout
    assert "volume 24h desc" in environment.run("dexwire", "top", *at, *ws).stdout
    assert "all  snapshot  version" in environment.first_line("dexwire", "tail", "all", *at, *ws)
    done = environment.run("dexwire", "up", "--demo")
    assert (done.returncode, done.stderr) == (
        1, "dexwire up: the server is not installed: pip install dexwire-server\n",
    )  # fmt: skip
    assert "up" not in environment.run("dexwire", "--help").stdout.split()


async def test_the_server_brings_dexwire_up(environment: Environment, tmp_path: Path) -> None:
    environment.install("dexwire_server")

    up = environment.start("dexwire", "up", "--demo", "--api-port", "0", "--ws-port", "0")
    try:
        note = await eventually(lambda: find_running(tmp_path / ".dexwire"), timeout_s=30)

        def rows() -> bool:
            done = environment.run("dexwire", "query", "--limit", "3", "--url", note.api)
            return done.returncode == 0 and "3 of " in done.stdout

        while not await asyncio.to_thread(rows):
            assert up.poll() is None
        assert environment.run("dexwire", "verify", timeout_s=60).returncode == 0
    finally:
        up.terminate()
        assert up.wait(20) == 0


def test_what_is_installed_has_a_bill_of_materials_and_nothing_of_its_build(
    environment: Environment, tmp_path: Path
) -> None:
    """The image is made so (Dockerfile); make deploy-check looks at the real one."""
    environment.install("dexwire_server")
    out = tmp_path / "sbom.cdx.json"

    made = environment.run("python", str(ROOT / "deploy/sbom.py"), "image", str(out))

    assert made.returncode == 0, made.stderr
    parts = json.loads(out.read_text(encoding="utf-8"))["components"]
    names = {part["name"] for part in parts if part["purl"].startswith("pkg:pypi/")}
    assert {"dexwire", "dexwire-server", "redis", "websockets"} <= names
    assert environment.run("python", str(ROOT / "deploy/scan.py"), environment.path).stdout == ""


def test_each_distribution_takes_exactly_its_own_away(
    environment: Environment, demo: Running
) -> None:
    environment.uninstall("dexwire-server")

    assert environment.left_of("services", "shared", "dexwire/server") == []
    used = environment.run("python", "-c", USE_CLIENT, demo.api, f"{demo.ws}/ws")
    assert used.stdout == "3 True\n", used.stderr

    environment.uninstall("dexwire")

    assert environment.left_of("dexwire") == []
