"""What ships is known: its licences, its bill of materials, its vulnerabilities."""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any, Final

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy import audit, sbom
from deploy.audit import Accepted, Advisory, NoAnswer
from tests.testkit.process import ROOT

TABLE: Final = (ROOT / "deploy/licences.toml").read_text(encoding="utf-8")
KNOWN: Final = sbom.licences(TABLE)
ALLOWED: Final = tomllib.loads(TABLE)["allowed"]
LOCK: Final = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PAGE: Final = (ROOT / "web/package-lock.json").read_text(encoding="utf-8")
# What older metadata calls them, where it says nothing better.
CLASSIFIERS: Final = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


# -- licences --------------------------------------------------------------------------------------
def test_every_dependency_has_a_licence_and_every_licence_a_dependency() -> None:
    assert set(KNOWN["python"]) == {name for name, _ in sbom.pins(LOCK)}
    assert set(KNOWN["npm"]) == {name for name, _, _ in sbom.page_parts(PAGE)}


def test_every_licence_may_be_shipped() -> None:
    named = {
        word
        for each in KNOWN.values()
        for licence in each.values()
        for word in re.split(r" (?:AND|OR) ", licence)
    }

    assert named - set(ALLOWED) == set()


def named_by(name: str) -> set[str]:
    """What a package's own metadata may mean; nothing where it is not installed."""
    try:
        found = distribution(name).metadata
    except PackageNotFoundError:
        return set()
    if found["License-Expression"]:
        return {found["License-Expression"]}
    classifiers = [line.rpartition(" :: ")[2] for line in found.get_all("Classifier") or ()]
    licences = {CLASSIFIERS[line] for line in classifiers if line in CLASSIFIERS}
    return licences | {" OR ".join(sorted(licences, reverse=True)), found["License"] or ""}


@pytest.mark.parametrize("name", sorted(KNOWN["python"]))
def test_a_licence_is_the_one_that_the_package_names(name: str) -> None:
    assert KNOWN["python"][name] in (named_by(name) or {KNOWN["python"][name]})


def test_the_page_s_licences_are_those_of_its_lock_file() -> None:
    packages = json.loads(PAGE)["packages"]
    shipped = {path.rpartition("node_modules/")[2]: one for path, one in packages.items() if path}

    assert KNOWN["npm"] == {n: p["license"] for n, p in shipped.items() if not p.get("dev")}


def test_what_was_copied_is_of_the_version_that_is_listed() -> None:
    readme = ROOT / "services/api/documents/swagger/README.md"

    assert "swagger-ui-dist 5.35.0 (Apache-2.0" in readme.read_text(encoding="utf-8")
    assert KNOWN["copied"] == {"swagger-ui-dist@5.35.0": "Apache-2.0"}


# -- bills of materials ----------------------------------------------------------------------------
def installed() -> dict[str, Distribution]:
    """What an image would have: of this environment, what the lock file names, and ours."""
    names = {name for name, _ in sbom.pins(LOCK)} | set(sbom.OWN)
    found = {sbom.normal(each.name): each for each in distributions()}
    return {name: each for name, each in found.items() if name in names}


DEBIAN: Final = (
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12\n\n"
    "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
)


def image() -> dict[str, Any]:
    found = installed().values()
    return sbom.image_bill(found, KNOWN, lock=LOCK, package_lock=PAGE, status=DEBIAN)


def wheel(name: str) -> dict[str, Any]:
    requires = sbom.requirements(distributions(), ROOT)
    return sbom.wheel_bill(name, "0.1.0", requires, KNOWN, lock=LOCK, package_lock=PAGE)


@pytest.mark.parametrize("bill", [image(), wheel("dexwire"), wheel("dexwire-server")])
def test_a_bill_is_valid_cyclonedx_with_a_licence_for_every_package(bill: dict[str, Any]) -> None:
    text = sbom.encoded(bill)

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = [part for part in bill["components"] if not part["purl"].startswith("pkg:deb/")]
    assert [part["name"] for part in parts if not part.get("licenses")] == []


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert sbom.encoded(image()) == sbom.encoded(image())


def test_each_wheel_gets_its_bill(tmp_path: Path) -> None:
    sbom.main("wheels", str(tmp_path))

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dexwire-0.1.0.cdx.json", "dexwire_server-0.1.0.cdx.json",
    ]  # fmt: skip


def purls(bill: dict[str, Any]) -> set[str]:
    return {part["purl"].partition("@")[0].rpartition("/")[2] for part in bill["components"]}


def test_a_bill_lists_what_each_thing_needs_and_no_more() -> None:
    client, server = purls(wheel("dexwire")), purls(wheel("dexwire-server"))

    assert {"httpx", "msgspec", "websockets", "httpcore", "rich", "typer"} <= client
    assert not client & {"redis", "numpy", "starlette", "preact"}
    assert {"redis", "hiredis", "numpy", "pydantic-core", "dexwire", "httpx"} <= server
    assert {"preact", "swagger-ui-dist"} <= server
    assert not server & {"hatchling", "editables", "pytest"}
    assert {"dexwire", "redis", "preact", "libc6"} <= purls(image())
    assert "gone" not in purls(image())


def test_what_the_lock_file_does_not_name_ends_the_build() -> None:
    unknown = [distribution("pytest")]

    with pytest.raises(SystemExit, match=r"pytest .* is installed and not in the lock file"):
        sbom.image_bill(unknown, KNOWN, lock=LOCK, package_lock=PAGE, status="")


# -- vulnerabilities -------------------------------------------------------------------------------
TODAY: Final = dt.date(2026, 11, 27)
FOUND: Final = Advisory("h11", ("PYSEC-2026-1", "CVE-2026-1", "GHSA-a"))


def test_what_pip_audit_finds_is_read() -> None:
    report = {
        "dependencies": [
            {"name": "anyio", "version": "4.0", "vulns": []},
            {"name": "h11", "version": "0.1", "vulns": [
                {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1", "GHSA-a"], "fix_versions": []}]},
        ]
    }  # fmt: skip

    assert audit.read_pip_audit(json.dumps(report)) == [FOUND]


@pytest.mark.parametrize(
    "report",
    [
        "",
        '{"dependencies":[]}',
        '{"dependencies":[{"name":"h11","skip_reason":"Dependency not found"}]}',
    ],
)
def test_a_database_that_does_not_answer_is_no_good_news(report: str) -> None:
    with pytest.raises(NoAnswer):
        audit.read_pip_audit(report)


def test_what_npm_finds_is_read_and_its_refusal_too() -> None:
    via = {"source": 1, "url": "https://advisories.example/GHSA-b", "title": "Loops"}
    report = {"vulnerabilities": {"vite": {"via": [via, "esbuild"]}, "x": {"via": ["vite"]}}}

    assert audit.read_npm_audit(json.dumps(report)) == [Advisory("vite", ("GHSA-b",), "Loops")]
    assert audit.read_npm_audit('{"vulnerabilities":{}}') == []
    with pytest.raises(NoAnswer, match="405"):
        audit.read_npm_audit('{"message":"405 Method Not Allowed","error":{}}')


@pytest.mark.parametrize(
    ("ident", "until", "lines"),
    [
        ("GHSA-a", TODAY, []),
        ("GHSA-z", TODAY, ["h11: PYSEC-2026-1, CVE-2026-1, GHSA-a"]),
        ("CVE-2026-1", dt.date(2026, 11, 26),
         ["h11: PYSEC-2026-1, CVE-2026-1, GHSA-a  (accepted until 2026-11-26)"]),
    ],
)  # fmt: skip
def test_an_accepted_advisory_passes_until_its_day(
    ident: str, until: dt.date, lines: list[str]
) -> None:
    assert audit.judge([FOUND], [Accepted(ident, "not reached", until)], TODAY) == lines


def test_every_accepted_advisory_has_a_reason_and_an_end() -> None:
    for entry in audit.read_accepted(audit.ACCEPTED.read_text(encoding="utf-8")):
        assert entry.reason.strip()
        assert isinstance(entry.until, dt.date)


@pytest.mark.parametrize(
    ("answers", "code"), [("", 3), ('{"dependencies":[{"name":"a","vulns":[]}]}', 0)]
)
def test_the_exit_code_says_whether_anybody_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answers: str, code: int
) -> None:
    npm = '{"vulnerabilities":{}}'
    monkeypatch.setattr(
        audit, "_output", lambda command, _: npm if command[0] == "npm" else answers
    )

    assert audit.main() == code
    assert ("no advisory database answered" in capsys.readouterr().out) == bool(code)
