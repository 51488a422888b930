"""The committed documents, made of the code: `python -m dexwire.server.documents` writes them.

`openapi.json` is of the api's routes and types, the Postman collection is of `openapi.json`,
`asyncapi.json`, `docs/schemas/` and the page's types are of the stream's messages,
`docs/SETTINGS.md` and `.env.example` of the settings classes, `docs/LICENCES.md` of
`deploy/licences.toml`. A test compares each with what is committed.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Final

from dexwire.server.asyncapi import asyncapi
from dexwire.server.settings_table import dotenv_example, markdown
from dexwire.server.typescript import typescript
from dexwire.stream.schemas import schemas
from services.api.documents.openapi import encoded, openapi
from services.api.documents.postman import postman

_LICENCES_HEAD: Final = """\
# Licences

dexwire is under the MIT licence. What ships with it, or is installed with it, is under those below,
by their SPDX names. Written by `make documents` from `deploy/licences.toml`; a test fails for a
dependency without one. `make dist` puts a bill of materials (CycloneDX, `*.cdx.json`) with versions
and hashes beside each wheel, and the image has one in `/opt/dexwire/sbom.cdx.json`.
"""
_LICENCES: Final = (
    ("Python packages of the lock file", "python"),
    ("Parts of the web page", "npm"),
    ("Files of others in this repository", "copied"),
)
ROOT: Final = Path(__file__).resolve().parents[2]


def documents() -> dict[str, bytes]:
    """Return every document by its path in the repository."""
    http = openapi()
    return {
        "services/api/documents/openapi.json": encoded(http),
        "services/api/documents/asyncapi.json": encoded(asyncapi()),
        "docs/dexwire.postman_collection.json": encoded(postman(http)),
        "docs/SETTINGS.md": markdown(),
        ".env.example": dotenv_example(),
        "docs/LICENCES.md": _licences(),
        **_schema_files(),
        "web/src/client/messages.ts": typescript(),
    }


def _licences() -> bytes:
    """Return the licences of what ships, as a page."""
    table = tomllib.loads((ROOT / "deploy" / "licences.toml").read_text(encoding="utf-8"))
    lines = [_LICENCES_HEAD]
    for title, kind in _LICENCES:
        lines += [f"## {title}", "", "| package | licence |", "| --- | --- |"]
        lines += [f"| {name} | {licence} |" for name, licence in sorted(table[kind].items())]
        lines.append("")
    return "\n".join(lines).encode()


def _schema_files() -> dict[str, bytes]:
    return {
        f"docs/schemas/{name}": (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()
        for name, schema in schemas().items()
    }


def main() -> None:
    """Write them all."""
    for name, document in documents().items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_bytes(document)
        print(f"{name}: {len(document)} bytes")


if __name__ == "__main__":
    main()
