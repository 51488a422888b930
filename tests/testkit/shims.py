"""Stand on PATH in the place of the commands that the documents show.

What can run here runs: dexwire, curl, make's targets that look at a running demo. What would take
over the machine (make test, docker, kubectl, pip) is checked against the files that it reads: the
target, service, file, option or package must exist. Run as `shims.py NAME ARGS…`; the environment
names the demo (DEMO_FOLDER, DEMO_API). Exit 1 with one line when a command could not work.
"""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
# These run until Ctrl-C: they have worked when they have printed something.
UNTIL_CTRL_C: Final = {"up", "top", "tail", "fetcher", "aggregator", "api", "ws", "replay"}
FIRST_OUTPUT_S: Final = 30.0
# They read the running demo, so they run in its folder, for real.
_LIVE_TARGETS: Final = {"verify": ("verify",)}
_FLAGS_WITHOUT_VALUE: Final = {"-d", "--rm", "-T", "--wait", "-f", "--follow", "--no-deps"}


def wrong(message: str) -> NoReturn:
    """End: the command as it is printed could not work."""
    print(f"shim: {message}", file=sys.stderr)
    raise SystemExit(1)


def dexwire(args: list[str]) -> int:
    """Run dexwire; a command that runs until Ctrl-C gets it after its first output."""
    command = [sys.executable, "-m", "dexwire", *args]
    if args[:2] == ["doctor", "--upstream"]:
        return _but_for_the_sources(command)
    if not args or args[0] not in UNTIL_CTRL_C or "--help" in args:
        return subprocess.run(command, check=False).returncode
    return _until_output(command)


def _but_for_the_sources(command: list[str]) -> int:
    """Run the doctor where the real sources may not be reachable; all else has to be well."""
    shown = subprocess.run([*command, "--json"], capture_output=True, encoding="utf-8", check=False)
    failed = [one["name"] for one in json.loads(shown.stdout) if one["verdict"] == "fail"]
    if [name for name in failed if not name.startswith("upstream ")]:
        wrong(shown.stdout)
    return 0


def _until_output(command: list[str]) -> int:
    ours, theirs = pty.openpty()  # `top` wants a terminal
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    deadline = time.monotonic() + FIRST_OUTPUT_S
    seen = b""
    while not seen.strip() and process.poll() is None and time.monotonic() < deadline:
        seen += _read(ours)
    process.send_signal(signal.SIGINT)
    while process.poll() is None and time.monotonic() < deadline + FIRST_OUTPUT_S:
        seen += _read(ours)
    process.kill()
    code = process.wait()
    if not seen.strip() or code not in {0, 130}:
        wrong(f"{command[2:]} ended with {code} after: {seen.decode(errors='replace')}")
    return 0


def _read(terminal: int) -> bytes:
    """Return what has been printed, after a moment; nothing once the other end is closed."""
    if not select.select([terminal], [], [], 0.1)[0]:
        return b""
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux reports the end
        return b""


def make(args: list[str]) -> int:
    """Check that make knows the target; `make verify` runs on the demo."""
    targets = [word for word in args if "=" not in word]
    if len(targets) == 1 and targets[0] in _LIVE_TARGETS:
        return dexwire([*_LIVE_TARGETS[targets[0]]])
    shown = subprocess.run(
        ["/usr/bin/make", "--no-print-directory", "-n", "-C", str(ROOT), *args],
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if shown.returncode:
        wrong(shown.stderr.strip())
    for line in shown.stdout.splitlines():
        ours = re.match(r"^(?:exec )?\S*/dexwire (.*)$", line.strip().removeprefix("@"))
        if ours:
            _parse(ours[1].split())
    return 0


def _parse(args: list[str]) -> None:
    """Check that dexwire has the command and its options, without running it."""
    command = [sys.executable, "-m", "dexwire", args[0], "--help"]
    shown = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    if shown.returncode:
        wrong(f"dexwire {args[0]}: {shown.stderr.strip()}")
    for option in (word for word in args if word.startswith("--")):
        if option.partition("=")[0] not in shown.stdout:
            wrong(f"dexwire {args[0]} has no option {option}")


def curl(args: list[str]) -> int:
    """Run curl at the demo; an answer of 400 or more is a failure."""
    here = [re.sub(r"(http://)?(127\.0\.0\.1|localhost):8000", _demo_api(), a) for a in args]
    return subprocess.run(
        [
            "/usr/bin/curl",
            "--silent",
            "--show-error",
            "--fail-with-body",
            "--max-time",
            "20",
            *here,
        ],
        check=False,
    ).returncode


def _demo_api() -> str:
    return os.environ["DEMO_API"]


def pip(args: list[str]) -> int:
    """Check that what is installed is one of our distributions, with extras that it has."""
    known = {}
    for path in ROOT.glob("**/pyproject.toml"):
        if ".venv" not in path.parts:
            project: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
            known[project["name"]] = set(project.get("optional-dependencies", {}))
    for word in args[1:]:
        found = re.fullmatch(r"([a-z-]+)(?:\[([a-z,]+)\])?", word)
        if found is None or found[1] in {"uv", "pre-commit"}:
            continue
        if found[1] not in known or set((found[2] or "").split(",")) - known[found[1]] - {""}:
            wrong(f"pip install {word}: no distribution of ours ({known})")
    return 0


def docker(args: list[str]) -> int:
    """Check services, files and the command that runs in a service against docker-compose.yml."""
    if args[:3] == ["run", "--rm", "--entrypoint"]:
        return _in_the_image(args[5:])
    words = args[1:] if args[:1] == ["compose"] else args
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    names = set(document["services"])
    while words and words[0].startswith("-"):
        if words[0] in {"--env-file", "-f"} and not (ROOT / words[1]).is_file():
            wrong(f"no file {words[1]}")
        words = words[2:]
    verb, *rest = words
    plain: list[str] = []
    entry = "dexwire"
    while rest:
        word, *rest = rest
        if word == "--scale":
            if rest[0].partition("=")[0] not in names:
                wrong(f"no service {rest[0]}")
            rest = rest[1:]
        elif word == "--entrypoint":
            entry, *rest = rest
        elif not word.startswith("-"):
            plain = [word, *rest]
            break
        elif word not in _FLAGS_WITHOUT_VALUE:
            wrong(f"docker compose {verb} {word}: not an option that the documents use")
    if plain and plain[0] not in names:
        wrong(f"no service {plain[0]}")
    if verb == "run" and plain[1:] and entry == "dexwire":
        _parse(plain[1:])
    return 0


def _in_the_image(paths: list[str]) -> int:
    """Check that the image has the files that a command of the image's own reads."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for path in paths:
        if path not in dockerfile:
            wrong(f"the Dockerfile makes no {path}")
    return 0


def kubectl(args: list[str]) -> int:
    """Check the folders and files that are named."""
    for flag, path in itertools.pairwise(args):
        if flag in {"-k", "-f"} and not (ROOT / path).exists():
            wrong(f"no file {path}")
    if "--" in args:
        _parse(args[args.index("--") + 2 :])
    return 0


SHIMS: Final = {
    "dexwire": dexwire, "make": make, "curl": curl, "pip": pip,
    "docker": docker, "docker-compose": docker, "kubectl": kubectl,
}  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(SHIMS[sys.argv[1]](sys.argv[2:]))
