"""`asyncapi.json` (AsyncAPI 3.0), made of the stream's messages. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from dexwire.stream.messages import CLIENT_FRAMES, PATH, SERVER_FRAMES, SUBPROTOCOL, tag_of
from dexwire.stream.schemas import with_even_texts

_REF: Final = "#/components/schemas/{name}"
_CHANNEL: Final = "#/channels/stream"
_OPERATIONS: Final = (
    ("sent", "send", "What the server sends.", SERVER_FRAMES),
    ("received", "receive", "What a client may send.", CLIENT_FRAMES),
)
_KINDS: Final = {kind.__name__: kind for kind in (*SERVER_FRAMES, *CLIENT_FRAMES)}


def asyncapi() -> dict[str, Any]:
    """Return the description of the stream."""
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
        "channels": {"stream": _channel()},
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _channel() -> dict[str, Any]:
    topics = {"type": "string", "description": "topics to begin with, joined by commas"}
    query = {"type": "object", "properties": {"topics": topics}}
    return {
        "address": PATH,
        "description": f"Subprotocol {SUBPROTOCOL}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sorted(_KINDS)},
        "bindings": {"ws": {"method": "GET", "query": query}},
    }


def _operations() -> dict[str, Any]:
    return {
        name: {
            "action": action,
            "channel": {"$ref": _CHANNEL},
            "summary": summary,
            "messages": [{"$ref": f"{_CHANNEL}/messages/{kind.__name__}"} for kind in frames],
        }
        for name, action, summary, frames in _OPERATIONS
    }


def _messages() -> dict[str, Any]:
    return {
        name: {
            "name": tag_of(kind),
            "summary": (kind.__doc__ or "").strip().partition("\n")[0],
            "payload": {"$ref": _REF.format(name=name)},
        }
        for name, kind in sorted(_KINDS.items())
    }


def _schemas() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(list(_KINDS.values()), ref_template=_REF)
    return dict(sorted(with_even_texts(schemas).items()))
