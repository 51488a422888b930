"""The committed documents, made of the code: `python -m dexwire.server.documents` writes them.

`openapi.json` is of the api's routes and types, the Postman collection is of `openapi.json`,
`asyncapi.json` is of the stream's frames, `docs/SETTINGS.md` and `.env.example` are of the settings
classes. A test compares each with what is committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from dexwire.client.frames import CLIENT_FRAMES, SERVER_FRAMES, SUBPROTOCOL
from dexwire.server.settings_table import dotenv_example, markdown
from services.api.documents.openapi import encoded, openapi, with_even_texts
from services.api.documents.postman import postman

ROOT: Final = Path(__file__).resolve().parents[2]
_REF: Final = "#/components/schemas/{name}"


def documents() -> dict[str, bytes]:
    """Return every document by its path in the repository."""
    http = openapi()
    return {
        "services/api/documents/openapi.json": encoded(http),
        "services/api/documents/asyncapi.json": encoded(asyncapi()),
        "docs/dexwire.postman_collection.json": encoded(postman(http)),
        "docs/SETTINGS.md": markdown(),
        ".env.example": dotenv_example(),
    }


def asyncapi() -> dict[str, Any]:
    """Return the description of the stream (AsyncAPI 3.0)."""
    _, schemas = msgspec.json.schema_components([*SERVER_FRAMES, *CLIENT_FRAMES], ref_template=_REF)
    schemas = with_even_texts(schemas)
    kinds = {kind.__name__: kind for kind in (*SERVER_FRAMES, *CLIENT_FRAMES)}
    channel = "#/channels/stream"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "dexwire stream",
            "version": "1",
            "description": "Snapshots and diffs of the list as JSON text messages; the rule that "
            "a client follows is in docs/STREAM.md.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:8001",
                "protocol": "ws",
                "description": "`dexwire up`; the address is WS_HOST and WS_PORT",
            }
        },
        "channels": {
            "stream": {
                "address": "/ws",
                "description": f"Subprotocol {SUBPROTOCOL}.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in sorted(kinds)
                },
                "bindings": {
                    "ws": {
                        "method": "GET",
                        "query": {
                            "type": "object",
                            "properties": {
                                "topics": {
                                    "type": "string",
                                    "description": "topics to begin with, joined by commas",
                                }
                            },
                        },
                    }
                },
            }
        },
        "operations": {
            name: {
                "action": action,
                "channel": {"$ref": channel},
                "summary": summary,
                "messages": [{"$ref": f"{channel}/messages/{kind.__name__}"} for kind in frames],
            }
            for name, action, summary, frames in (
                ("sent", "send", "What the server sends.", SERVER_FRAMES),
                ("received", "receive", "What a client may send.", CLIENT_FRAMES),
            )
        },
        "components": {
            "messages": {
                name: {
                    "name": str(kind.__struct_config__.tag),
                    "summary": (kind.__doc__ or "").strip().partition("\n")[0],
                    "payload": {"$ref": _REF.format(name=name)},
                }
                for name, kind in sorted(kinds.items())
            },
            "schemas": dict(sorted(schemas.items())),
        },
    }


def main() -> None:
    """Write them all."""
    for name, document in documents().items():
        (ROOT / name).write_bytes(document)
        print(f"{name}: {len(document)} bytes")


if __name__ == "__main__":
    main()
