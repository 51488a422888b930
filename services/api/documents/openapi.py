"""`openapi.json`, made of the route table and the types. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from dexwire.stream.schemas import with_even_texts
from services.api.documents.operation import JSON, PROBLEM, Operation, Parameter
from services.api.documents.routes import EVERYWHERE, OPERATIONS, TAGS
from services.api.documents.schemas import ProblemBody
from shared.edge.http.problem import phrase

_TABLES: Final = {  # the lines, or a line of names and one for each row
    "text/csv": {"schema": {"type": "string"}},
    "application/x-ndjson": {"schema": {"type": "string"}},
}
_REF: Final = "#/components/schemas/{name}"
_HEADERS: Final = {
    "ETag": {"description": "weak: rows and order", "schema": {"type": "string"}},
    "Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}},
}


def openapi() -> dict[str, Any]:
    """Return the document (OpenAPI 3.1)."""
    types: list[Any] = [ProblemBody]
    for operation in OPERATIONS:
        types += operation.answers.values()
        if operation.body is not None:
            types.append(operation.body)
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    components = with_even_texts(components)
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dexwire",
            "version": "1",
            "summary": "Tokens of decentralised exchanges as one merged, sorted, live list",
            "description": "USD and percent throughout; `_ms` is Unix milliseconds; unknown is "
            "absent. Numbers in queries are plain digits; unknown and repeated parameters are 400.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`<id>.<secret>`; without INGEST_API_KEYS none is needed from "
                    "the same machine",
                }
            },
        },
    }


def encoded(document: dict[str, Any]) -> bytes:
    """Return a document as it is committed and served."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
    }
    if operation.description:
        made["description"] = operation.description
    if operation.parameters:
        made["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        content: dict[str, Any] = {"schema": _ref(operation.body)}
        if operation.example is not None:
            content["example"] = operation.example
        made["requestBody"] = {"required": True, "content": {JSON: content}}
        made["security"] = [{"key": []}, {}]
    made["responses"] = _responses(operation)
    return made


def _parameter(parameter: Parameter) -> dict[str, Any]:
    made = {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }
    return made if parameter.example is None else {**made, "example": parameter.example}


def _responses(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for status, answer in operation.answers.items():
        made[str(status)] = {
            "description": (answer.__doc__ or "").partition("\n")[0],
            "content": {JSON: {"schema": _ref(answer)}},
        }
        if operation.table:
            made[str(status)]["content"] |= _TABLES
        if operation.tagged:
            made[str(status)]["headers"] = {"ETag": _HEADERS["ETag"]}
    if operation.tagged:
        made["304"] = {"description": "The same rows as `If-None-Match` names."}
    for status in sorted({*operation.problems, *EVERYWHERE}):
        codes = (*operation.problems.get(status, ()), *EVERYWHERE.get(status, ()))
        response = made.setdefault(str(status), {"content": {}})
        words = f"{phrase(status)}: " + ", ".join(f"`{code}`" for code in codes)
        before = response.get("description")
        response["description"] = words if before is None else f"{before} Or: {words}"
        response["content"][PROBLEM] = {"schema": _ref(ProblemBody)}
        if status in {429, 503, 504}:
            response["headers"] = {"Retry-After": _HEADERS["Retry-After"]}
    return dict(sorted(made.items()))


def _ref(kind: type) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}
