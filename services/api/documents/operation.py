"""What an operation of the api is to its users: parameters, answers, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

Schema = dict[str, Any]
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query, a path or a header; parameters of a path are required."""

    name: str
    schema: Schema
    description: str
    place: str = "query"
    required: bool = False
    example: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `problems`: status → the codes that come with it."""

    path: str
    name: str
    summary: str
    answers: dict[int, type]
    problems: dict[int, tuple[str, ...]]
    tag: str = "tokens"
    method: str = "get"
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: type | None = None
    tagged: bool = False  # has an ETag and answers 304
    table: bool = False  # answers in CSV and NDJSON too
    example: Any = None  # of the body


def one_of(*choices: str, default: str | None = None) -> Schema:
    """Return the schema of one of these words."""
    chosen: Schema = {"type": "string", "enum": list(choices)}
    return chosen if default is None else {**chosen, "default": default}


def matching(pattern: str, longest: int | None = None) -> Schema:
    """Return the schema of a text that a pattern matches whole."""
    schema: Schema = {"type": "string", "pattern": f"^{pattern}$"}
    return schema if longest is None else {**schema, "maxLength": longest}


CHAIN: Final = matching("[A-Za-z0-9]([A-Za-z0-9_-]{0,30}[A-Za-z0-9])?", 32)
ADDRESS: Final = matching("[A-Za-z0-9-][A-Za-z0-9_.:/<>, +-]{0,255}", 256)
EXAMPLE: Final = "So1Example"
OF_A_TOKEN: Final = (
    Parameter("chain", CHAIN, "Its chain.", "path", required=True, example="solana"),
    Parameter(
        "address",
        ADDRESS,
        "In any spelling of its chain; slashes as they are or as %2F.",
        "path",
        required=True,
        example=EXAMPLE,
    ),
)
QUERY: Final = ("unknown_parameter", "repeated_parameter", "bad_encoding")
STORE: Final = ("storage_unavailable", "overloaded")
READ: Final = ("warming", *STORE)
