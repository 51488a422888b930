"""The JSON Schemas of the messages, as committed in docs/schemas/."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from dexwire.stream.messages import CLIENT_FRAMES, SERVER_FRAMES, tag_of


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of every message by file name."""
    found = {}
    for side, kinds in (("server", SERVER_FRAMES), ("client", CLIENT_FRAMES)):
        for kind in kinds:
            schema = with_even_texts(msgspec.json.schema(kind))
            head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
            found[f"{side}.{tag_of(kind)}.json"] = head | schema
    return found


def with_even_texts(schema: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    """Return a schema whose docstrings lost their indentation, as they do from Python 3.13 on."""
    if isinstance(schema, dict):
        return {
            key: cleandoc(part)
            if key == "description" and isinstance(part, str)
            else with_even_texts(part)
            for key, part in schema.items()
        }
    return [with_even_texts(part) for part in schema] if isinstance(schema, list) else schema
