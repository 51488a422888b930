"""CycloneDX bills of materials, made of the lock files and of what is installed.

    python deploy/sbom.py image OUT            in the image: all that is installed there
    python deploy/sbom.py wheels FOLDER        beside the wheels of `make dist`: what they need

Standard library only: the image runs it while it is built. The same inputs give the same bytes:
there is no time in it, and the serial number is made of the content.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final

_HERE: Final = Path(__file__).resolve().parent
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NEED: Final = re.compile(r"([A-Za-z0-9._-]+)(\[([^]]*)\])?")
_EXTRA: Final = re.compile(r"extra == ['\"]([^'\"]+)['\"]")
_NAMESPACE: Final = uuid.UUID("5f2c9f5e-58c8-4a2b-9b52-2f1c3f8f7a10")
OWN: Final = ("dexwire", "dexwire-server")
Component = dict[str, Any]


def normal(name: str) -> str:
    """Return a package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


# -- what is known ---------------------------------------------------------------------------------
def pins(lock: str) -> dict[tuple[str, str], list[str]]:
    """Return the pinned packages of a lock file: (name, version) → SHA-256 of their files."""
    found: dict[tuple[str, str], list[str]] = {}
    hashes: list[str] = []
    for line in lock.splitlines():
        pin = _PIN.match(line)
        if pin:
            hashes = found.setdefault((normal(pin[1]), pin[2]), [])
        hashes += _HASH.findall(line)
    return found


def licences(table: str) -> dict[str, dict[str, str]]:
    """Return the licences of a table (deploy/licences.toml): ecosystem → package → SPDX."""
    return {kind: each for kind, each in tomllib.loads(table).items() if kind != "allowed"}


def page_parts(package_lock: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name, version, SHA-512) of what the page is built of."""
    for path, package in json.loads(package_lock)["packages"].items():
        if path and not package.get("dev"):
            algorithm, _, digest = package["integrity"].partition("-")
            if algorithm != "sha512":
                raise SystemExit(f"{path}: locked by {algorithm}, not by sha512")
            name = path.rpartition("node_modules/")[2]
            yield name, package["version"], base64.b64decode(digest).hex()


def system_packages(status: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name, version, architecture) of a Debian package database."""
    for entry in status.split("\n\n"):
        fields = dict(
            re.findall(r"^(Package|Version|Architecture|Status): (.+)$", entry, re.MULTILINE)
        )
        if fields.get("Status", "").endswith(" installed"):
            yield fields["Package"], fields["Version"], fields["Architecture"]


# -- components ------------------------------------------------------------------------------------
def _component(purl: str, name: str, version: str, licence: str | None = None) -> Component:
    found: Component = {
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
    }  # fmt: skip
    if licence:
        found["licenses"] = [{"expression": licence}]
    return found


def python_component(
    name: str, version: str, licence: str | None, hashes: Iterable[str] = ()
) -> Component:
    """Return one Python package. `hashes` are those that its lock file allows."""
    purl = f"pkg:pypi/{name}@{version}"
    found = _component(purl, name, version, licence)
    allowed = [{"alg": "SHA-256", "content": each} for each in sorted(hashes)]
    if len(allowed) == 1:
        found["hashes"] = allowed
    elif allowed:  # one file of several was installed; which one depends on the machine
        found["externalReferences"] = [
            {"type": "distribution", "url": purl, "hashes": [each]} for each in allowed
        ]
    return found


def npm_component(name: str, version: str, licence: str | None, sha512: str = "") -> Component:
    """Return one part of the web page."""
    purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
    found = _component(purl, name, version, licence)
    if sha512:
        found["hashes"] = [{"alg": "SHA-512", "content": sha512}]
    return found


def page_components(
    known: Mapping[str, Mapping[str, str]], package_lock: str
) -> Iterator[Component]:
    """Yield what the server's page and `/docs` are made of."""
    for name, version, sha512 in page_parts(package_lock):
        yield npm_component(name, version, known["npm"].get(name), sha512)
    for named, licence in known["copied"].items():
        name, _, version = named.rpartition("@")
        yield npm_component(name, version, licence)


def debian_component(name: str, version: str, architecture: str) -> Component:
    """Return one package of the base image."""
    purl = f"pkg:deb/debian/{name}@{version}?arch={architecture}"
    return _component(purl, name, version)


def bill(name: str, version: str, kind: str, components: Iterable[Component]) -> dict[str, Any]:
    """Return a whole bill of materials of one thing that ships."""
    ref = f"{kind}:{name}@{version}"
    parts = sorted(components, key=lambda each: each["bom-ref"])
    content = json.dumps([ref, parts], sort_keys=True).encode()
    serial = uuid.uuid5(_NAMESPACE, hashlib.sha256(content).hexdigest())
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": kind,
                "bom-ref": ref,
                "name": name,
                "version": version,
                "licenses": [{"expression": "MIT"}],
            }
        },
        "components": parts,
        "dependencies": [{"ref": ref, "dependsOn": [each["bom-ref"] for each in parts]}],
    }


# -- the two kinds ---------------------------------------------------------------------------------
def image_bill(
    installed: Iterable[Distribution],
    known: Mapping[str, Mapping[str, str]],
    *,
    lock: str,
    package_lock: str,
    status: str,
) -> dict[str, Any]:
    """Return the bill of what an image holds: packages, the page's parts, the base's packages.

    Raises SystemExit when something is installed that the lock file does not name.
    """
    locked, parts, version = pins(lock), [], ""
    for each in installed:
        name = normal(each.name)
        if name in OWN:
            version = each.version
        elif (name, each.version) not in locked:
            raise SystemExit(f"{name} {each.version} is installed and not in the lock file")
        hashes = locked.get((name, each.version), [])
        licence = known["python"].get(name, "MIT" if name in OWN else None)
        parts.append(python_component(name, each.version, licence, hashes))
    parts += page_components(known, package_lock)
    parts += [debian_component(*each) for each in system_packages(status)]
    return bill("dexwire", version, "container", parts)


def requirements(installed: Iterable[Distribution], root: Path) -> dict[str, list[str]]:
    """Return what each package requires: ours by the pyproject files, others by their metadata."""
    found = {normal(each.name): list(each.requires or ()) for each in installed}
    for name, path in zip(OWN, ("pyproject.toml", "packaging/server/pyproject.toml"), strict=True):
        project = tomllib.loads((root / path).read_text(encoding="utf-8"))["project"]
        found[name] = list(project["dependencies"])
        for extra, lines in project.get("optional-dependencies", {}).items():
            found[name] += [f"{line} ; extra == '{extra}'" for line in lines]
    return found


def needed(name: str, requires: Mapping[str, Sequence[str]]) -> set[str]:
    """Return what a package needs on any machine, all the way down; of ours with every extra."""
    seen: set[tuple[str, str]] = set()
    waiting = [(name, ""), (name, "cli")]
    while waiting:
        package, extra = waiting.pop()
        for line in requires.get(package, ()):
            need, _, extras = _NEED.match(line).groups("")  # type: ignore[union-attr]
            only = _EXTRA.search(line)
            if only and only[1] != extra:
                continue
            wanted = [(normal(need), each.strip()) for each in ("", *extras.split(","))]
            waiting += [each for each in wanted if each not in seen]
            seen.update(wanted)
    return {package for package, _ in seen}


def wheel_bill(
    name: str,
    version: str,
    requires: Mapping[str, Sequence[str]],
    known: Mapping[str, Mapping[str, str]],
    *,
    lock: str,
    package_lock: str,
) -> dict[str, Any]:
    """Return the bill of what a wheel needs, in the versions that the lock file names."""
    needs = needed(name, requires)
    parts = [
        python_component(pin, locked, known["python"].get(pin), hashes)
        for (pin, locked), hashes in pins(lock).items()
        if pin in needs
    ]
    if name == "dexwire-server":
        parts.append(python_component("dexwire", version, "MIT"))
        parts += page_components(known, package_lock)  # the page is built into it
    return bill(name, version, "library", parts)


def encoded(found: Mapping[str, Any]) -> str:
    """Return the text of a bill."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _read(name: str, root: Path) -> str:
    return (root / name).read_text(encoding="utf-8")


def main(kind: str, out: str) -> None:
    """Write one bill for the image, or one beside each wheel."""
    root = _HERE.parent
    known = licences(_read("deploy/licences.toml", root))
    lock, package_lock = _read("requirements.lock", root), _read("web/package-lock.json", root)
    installed = list(distributions())
    if kind == "image":
        status = Path("/var/lib/dpkg/status")
        text = status.read_text(encoding="utf-8") if status.exists() else ""
        found = image_bill(installed, known, lock=lock, package_lock=package_lock, status=text)
        Path(out).write_text(encoded(found), encoding="utf-8")
        return
    version = tomllib.loads(_read("pyproject.toml", root))["project"]["version"]
    requires = requirements(installed, root)
    for name in OWN:
        found = wheel_bill(name, version, requires, known, lock=lock, package_lock=package_lock)
        path = Path(out) / f"{name.replace('-', '_')}-{version}.cdx.json"
        path.write_text(encoded(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
