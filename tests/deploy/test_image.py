"""What the Dockerfile promises, as far as its text can show; deploy/check looks into the image."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final

import pytest

from deploy import scan, strip
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
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert lines[1] == "*"
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", TEXT, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert {line[1:] for line in lines if line.startswith("!")} == sources


def test_stripping_takes_pip_and_compilers_and_leaves_the_rest(
    tmp_path: Path,
) -> None:
    goes = (
        *("usr/bin/gcc-12", "usr/bin/x86_64-linux-gnu-ld", "usr/bin/c99-gcc", "usr/bin/as"),
        *("usr/local/bin/pip3.13", "usr/local/lib/python3.13/site-packages/pip/main.py"),
        *("usr/local/lib/python3.13/ensurepip/x.py", "usr/lib/gcc/x86/cc1"),
        *("usr/lib/python3/dist-packages/setuptools-66.egg-info/x", "tmp/strip.py"),
        *("var/lib/apt/lists/deb_Packages", "var/cache/apt/pkgcache.bin", "root/.cache/pip/x"),
    )
    stays = (
        *("usr/bin/python3", "usr/bin/fold", "usr/bin/ldd", "usr/bin/basename", "usr/bin/su"),
        *("usr/lib/python3.13/pipes.py", "usr/lib/x86_64-linux-gnu/libgcc_s.so"),
        "usr/local/lib/python3.13/site-packages/pipeline/x.py",
    )
    for name in (*goes, *stays):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "usr/bin/su").chmod(0o4755)

    strip.main(tmp_path)

    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(stays)
    assert stat.S_IMODE((tmp_path / "usr/bin/su").stat().st_mode) == 0o755
    assert scan.scan(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "mode", "found"),
    [
        ("usr/bin/su", 0o4755, "setuid or setgid"),
        ("usr/bin/expiry", 0o2755, "setuid or setgid"),
        ("opt/dexwire/lib/python3.13/site-packages/services/x.py", 0o666, "writable"),
        ("etc/passwd", 0o646, "writable"),
        ("root/.cache/pip/http/a", 0o644, "cache"),
        ("var/lib/apt/lists/deb_dists_InRelease", 0o644, "package list"),
        ("var/cache/apt/archives/gcc.deb", 0o644, "package archive"),
        ("usr/bin/x86_64-linux-gnu-gcc-12", 0o755, "compiler"),
        ("usr/local/bin/ld", 0o755, "compiler"),
        ("opt/dexwire/bin/pip3", 0o755, "pip"),
        ("opt/dexwire/lib/python3.13/site-packages/hatchling/x.pyc", 0o644, "build tool"),
        ("opt/dexwire/lib/python3.13/site-packages/pip-26.0.dist-info/RECORD", 0o644, "build tool"),
        ("src/services/api/app.py", 0o644, "source"),
        ("opt/dexwire/.git/config", 0o644, "source"),
        ("opt/dexwire/requirements.lock", 0o644, "source"),
        ("tmp/strip.py", 0o644, "temporary file"),
        ("run/dexwire/.env", 0o644, "secret"),
        ("home/build/.netrc", 0o600, "secret"),
        ("usr/bin/python3", 0o755, None),
        ("etc/.pwd.lock", 0o600, None),  # of the base, made with its users
        ("opt/dexwire/sbom.cdx.json", 0o644, None),
        ("opt/dexwire/lib/python3.13/site-packages/certifi/cacert.pem", 0o644, None),
        ("run/dexwire/x", 0o666, None),
    ],
)  # fmt: skip
def test_the_scan_finds_what_has_no_place_in_an_image(
    tmp_path: Path, name: str, mode: int, found: str | None
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.touch()
    path.chmod(mode)

    assert scan.scan(tmp_path) == ([f"{found}: /{name}"] if found else [])


def test_what_the_images_user_owns_is_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opt").mkdir()
    monkeypatch.setattr(scan, "USER", (tmp_path / "opt").stat().st_uid)

    assert scan.scan(tmp_path) == ["writable: /opt"]


def test_the_image_has_its_bill_of_materials_of_what_is_left_in_it() -> None:
    build = STAGES[0]
    assert build.index("pip uninstall") < build.index(
        "deploy/sbom.py image /opt/dexwire/sbom.cdx.json"
    )
    assert 'dexwire.sbom="/opt/dexwire/sbom.cdx.json"' in FINAL
