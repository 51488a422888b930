"""The Postman collection (v2.1), made of the OpenAPI document. Pure.

One request per operation with the examples of its parameters, and one that is refused. Each has
tests: the status is a documented one of 2xx, the content type fits, the members that the schema
requires are there. So a run of the collection checks an api.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

Json = dict[str, Any]
_SCHEMA: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_GIVEN: Final = ("ack",)  # committed at once, so that the next request finds it
# What a run needs to know of the api that it asks; `newman run --env-var` says it otherwise.
_VARIABLES: Final = {
    "baseUrl": "http://127.0.0.1:8000",
    "key": "",
    "chain": "solana",
    "address": "So1Example",
}


def postman(openapi: Json) -> Json:
    """Return the collection."""
    operations = [
        (path, method, operation)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]
    # What posts the example's token comes before what reads it.
    operations.sort(key=lambda found: found[1] != "post")
    items = [_item(openapi, *found) for found in operations]
    return {
        "info": {
            "name": openapi["info"]["title"],
            "description": openapi["info"]["summary"],
            "schema": _SCHEMA,
        },
        "item": [*items, _refused()],
        "variable": [{"key": key, "value": value} for key, value in _VARIABLES.items()],
    }


def _item(openapi: Json, path: str, method: str, operation: Json) -> Json:
    parameters: list[Json] = operation.get("parameters", [])
    query = [
        {
            "key": parameter["name"],
            "value": str(parameter.get("example", _first(parameter["schema"]))),
            "description": parameter["description"],
            "disabled": not parameter["required"] and parameter["name"] not in _GIVEN,
        }
        for parameter in parameters
        if parameter["in"] == "query"
    ]
    request: Json = {
        "method": method.upper(),
        "header": [{"key": "Accept", "value": "application/json"}],
        "url": _url(re.sub(r"\{(\w+)\}", r"{{\1}}", path), query),
        "description": operation["summary"],
    }
    if "requestBody" in operation:
        example = operation["requestBody"]["content"]["application/json"]["example"]
        request["header"] += [
            {"key": "Content-Type", "value": "application/json"},
            {"key": "Authorization", "value": "Bearer {{key}}"},
        ]
        request["body"] = {"mode": "raw", "raw": json.dumps(example, indent=1)}
    return {
        "name": operation["operationId"],
        "request": request,
        "event": [_tests(_checks(openapi, operation))],
    }


def _first(schema: Json) -> Any:  # noqa: ANN401 - JSON
    return schema.get("default", schema.get("enum", [""])[0])


def _checks(openapi: Json, operation: Json) -> list[str]:
    good = [status for status in operation["responses"] if status.startswith("2")]
    ref = operation["responses"][good[0]]["content"]["application/json"]["schema"]["$ref"]
    required = openapi["components"]["schemas"][ref.rpartition("/")[2]].get("required", [])
    return [
        f"pm.test('status', () => pm.expect(pm.response.code).to.be.oneOf([{', '.join(good)}]));",
        (
            "pm.test('type', () => pm.expect(pm.response.headers.get('content-type'))"
            ".to.eql('application/json'));"
        ),
        (
            "pm.test('members', () => pm.expect(pm.response.json())"
            f".to.include.all.keys({json.dumps(required)}));"
        ),
    ]


def _refused() -> Json:
    checks = [
        "pm.test('status', () => pm.expect(pm.response.code).to.eql(400));",
        (
            "pm.test('type', () => pm.expect(pm.response.headers.get('content-type'))"
            ".to.eql('application/problem+json'));"
        ),
        "pm.test('code', () => pm.expect(pm.response.json().code).to.eql('bad_limit'));",
    ]
    url = _url("/discover", [{"key": "limit", "value": "101"}])
    return {
        "name": "discover: refused",
        "request": {"method": "GET", "header": [], "url": url},
        "event": [_tests(checks)],
    }


def _url(path: str, query: list[Json]) -> Json:
    used = "&".join(f"{q['key']}={q['value']}" for q in query if not q.get("disabled"))
    raw = f"{{{{baseUrl}}}}{path}" + (f"?{used}" if used else "")
    url: Json = {"raw": raw, "host": ["{{baseUrl}}"], "path": path.strip("/").split("/")}
    return {**url, "query": query} if query else url


def _tests(lines: list[str]) -> Json:
    return {"listen": "test", "script": {"type": "text/javascript", "exec": lines}}
