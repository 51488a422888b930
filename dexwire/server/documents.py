"""The committed documents, made of the code: `python -m dexwire.server.documents` writes them.

`openapi.json` is of the api's routes and types, the Postman collection is of `openapi.json`,
`asyncapi.json`, `docs/schemas/` and the page's types are of the stream's messages,
`docs/SETTINGS.md` and `.env.example` of the settings classes. A test compares each with what is
committed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from dexwire.server.asyncapi import asyncapi
from dexwire.server.settings_table import dotenv_example, markdown
from dexwire.server.typescript import typescript
from dexwire.stream.schemas import schemas
from services.api.documents.openapi import encoded, openapi
from services.api.documents.postman import postman

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
        **_schema_files(),
        "web/src/client/messages.ts": typescript(),
    }


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
