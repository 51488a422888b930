"""The page's types and numbers of the stream, made of its schemas. Pure.

A field that is not required may be absent; one whose default is null is absent, never null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from dexwire.stream import closing, limits, messages, topics
from dexwire.stream.messages import CLIENT_FRAMES, SERVER_FRAMES
from dexwire.stream.schemas import with_even_texts

_REF: Final = "#/{name}"
_SCALARS: Final = {
    "string": "string", "integer": "number", "number": "number", "boolean": "boolean",
    "null": "null",
}  # fmt: skip
_CONSTANTS: Final[Mapping[str, object]] = {
    "SUBPROTOCOL": messages.SUBPROTOCOL,
    "HEARTBEAT_MS": limits.HEARTBEAT_MS,
    "SILENT_BEATS": limits.SILENT_BEATS,
    "WATCHED": limits.WATCHED,
    "FIRST_FINAL": closing.FIRST_FINAL,
    "LAST_CODE": closing.LAST,
    "SORTS": topics.SORTS,
    "WINDOWS": topics.WINDOWS,
    "WINDOWED": topics.WINDOWED,
    "LIST_SIZES": topics.LIST_SIZES,
    "ALL": topics.ALL,
    "WATCHLIST": topics.WATCHLIST,
    "ALERTS": topics.ALERTS,
    "NO_WINDOW": topics.NO_WINDOW,
    "ANY_CHAIN": topics.ANY_CHAIN,
}


def typescript() -> bytes:
    """Return web/src/client/messages.ts."""
    _, schemas = msgspec.json.schema_components([*SERVER_FRAMES, *CLIENT_FRAMES], ref_template=_REF)
    lines = [
        "/** Written by `make documents` from dexwire/stream: the messages of `discover.v1`. */"
    ]
    lines += [_constant(name, value) for name, value in _CONSTANTS.items()]
    for name, schema in sorted(with_even_texts(schemas).items()):
        lines += ["", *_interface(name, schema)]
    for name, kinds in (("Frame", SERVER_FRAMES), ("Request", CLIENT_FRAMES)):
        lines += ["", f"export type {name} = {' | '.join(kind.__name__ for kind in kinds)};"]
    return ("\n".join(lines) + "\n").encode()


def _constant(name: str, value: object) -> str:
    return (
        f"export const {name} = {json.dumps(value)}{' as const' if type(value) is tuple else ''};"
    )


def _interface(name: str, schema: Mapping[str, Any]) -> list[str]:
    lines = [f"/** {' '.join(schema['description'].split())} */"] if "description" in schema else []
    lines.append(f"export interface {name} {{")
    required = schema.get("required", ())
    for field, part in schema["properties"].items():
        lines.append(f"  {field}{'' if field in required else '?'}: {_type(part)};")
    return [*lines, "}"]


def _type(schema: Mapping[str, Any]) -> str:
    """Return the type that a schema describes. Raises KeyError for a form that is not known."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF.format(name=""))
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        absent = "default" in schema and schema["default"] is None
        kinds = [_type(part) for part in schema["anyOf"]]
        return " | ".join(sorted(set(kinds) - ({"null"} if absent else set()), key=kinds.index))
    if schema["type"] == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(map(_type, schema['prefixItems']))}]"
        item = _type(schema["items"])
        return f"({item})[]" if " " in item else f"{item}[]"
    if schema["type"] == "object":
        return f"Record<string, {_type(schema['additionalProperties'])}>"
    return _SCALARS[schema["type"]]
