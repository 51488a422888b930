"""What the Dockerfile promises, as far as its text can show; deploy/check looks into the image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from deploy import strip
from tests.testkit.process import ROOT

TEXT: Final = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
LINES: Final = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
STAGES: Final = TEXT.split("\nFROM ")[1:]
FINAL: Final = STAGES[-1]


def test_the_base_image_is_one_argument() -> None:
    assert LINES[0] == "ARG BASE_IMAGE=python:3.13-slim"
    bases = [line for line in LINES if line.startswith("FROM ")]
    assert bases == ["FROM ${BASE_IMAGE} AS build", "FROM ${BASE_IMAGE}"]


def test_dependencies_are_wheels_locked_by_hash() -> None:
    installs = [line for line in LINES if "pip install" in line]
    assert "--only-binary :all: --require-hashes -r requirements.lock" in installs[0]
    assert [("--no-deps" in line, "--no-build-isolation" in line) for line in installs[1:]] == [
        (True, True)
    ]


def test_the_final_stage_installs_nothing_and_removes_what_could() -> None:
    assert not re.search(r"pip install|apt-get|apk |curl|wget", FINAL)
    assert "RUN python3 /tmp/strip.py" in FINAL


def test_the_final_stage_runs_as_a_user_without_a_name() -> None:
    assert "\nUSER 10001:10001\n" in FINAL
    assert "PYTHONDONTWRITEBYTECODE=1" in FINAL


def test_the_command_picks_the_service_and_its_health_check() -> None:
    assert '\nENTRYPOINT ["dexwire"]\n' in FINAL
    assert 'CMD ["python", "-m", "dexwire.server.healthcheck"]' in FINAL


def test_only_what_the_image_is_made_of_goes_to_the_engine() -> None:
    said = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert said[1] == "*"
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", TEXT, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert {line[1:] for line in said if line.startswith("!")} == sources


def test_stripping_takes_pip_and_compilers_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes = (
        *("bin/pip3.13", "bin/gcc-12", "bin/x86_64-linux-gnu-ld", "bin/c99-gcc", "bin/as"),
        *("lib/python3.13/site-packages/pip/main.py", "lib/python3.13/ensurepip/x.py"),
        *("lib/python3/dist-packages/setuptools-66.egg-info/x", "lib/gcc/x86/cc1"),
    )
    stays = (
        *("bin/python3", "bin/fold", "bin/ldd", "bin/basename", "lib/python3.13/pipes.py"),
        *("lib/python3.13/site-packages/pipeline/x.py", "lib/x86_64-linux-gnu/libgcc_s.so"),
    )
    for name in (*goes, *stays):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(strip, "_ROOTS", (tmp_path,))
    strip.main()
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(stays)
