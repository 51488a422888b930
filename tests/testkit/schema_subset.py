"""As much of JSON Schema as our schemas use; what it does not know is an error, never ignored."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

_KNOWN = {
    "exclusiveMaximum",
    "exclusiveMinimum",
    "minimum",
    "$defs",
    "$ref",
    "$schema",
    "additionalProperties",
    "anyOf",
    "default",
    "description",
    "enum",
    "items",
    "maxItems",
    "minItems",
    "pattern",
    "prefixItems",
    "properties",
    "required",
    "title",
    "type",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def faults(
    value: object, schema: dict[str, Any], root: dict[str, Any], at: str = "$"
) -> Iterator[str]:
    """Yield what is wrong with a value."""
    unknown = schema.keys() - _KNOWN
    assert not unknown, f"the validator does not know {unknown}"
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        yield from faults(value, target, root, at)
        return
    if "anyOf" in schema and all(any(faults(value, one, root, at)) for one in schema["anyOf"]):
        yield f"{at}: {value!r} is none of {schema['anyOf']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is not in {schema['enum']}"
    if "type" in schema:
        kinds = _TYPES[schema["type"]]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            yield f"{at}: {value!r} is no {schema['type']}"
            return
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at}: {value!r} does not match {schema['pattern']}"
    if isinstance(value, int | float):
        yield from _number_faults(value, schema, at)
    if isinstance(value, dict):
        yield from _object_faults(value, schema, root, at)
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at}: {len(value)} entries"
        shapes = schema.get("prefixItems") or [schema.get("items") or {}] * len(value)
        for number, (entry, shape) in enumerate(zip(value, shapes, strict=False)):
            yield from faults(entry, shape, root, f"{at}[{number}]")


def _number_faults(value: float, schema: dict[str, Any], at: str) -> Iterator[str]:
    if value < schema.get("minimum", value) or value <= schema.get("exclusiveMinimum", -math.inf):
        yield f"{at}: {value!r} is too small"
    if value >= schema.get("exclusiveMaximum", math.inf):
        yield f"{at}: {value!r} is too large"


def _object_faults(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}: {name} is missing"
    for name, entry in value.items():
        if name in schema.get("properties", {}):
            yield from faults(entry, schema["properties"][name], root, f"{at}.{name}")
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from faults(entry, schema["additionalProperties"], root, f"{at}.{name}")
