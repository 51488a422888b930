"""The sources that the fetcher polls, as every service knows them. Pure.

Each file of `services/fetcher/sources/` is one source and holds its declaration. It is read here as
text and never run, as setuptools reads a version: so all services agree on the sources without
Redis, before the first fetcher starts and while none runs, and none of them depends on the code of
a source (docs/decisions/0022-a-source-declares-itself.md).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from shared.errors import ConfigError

LAST: Final = 1_000
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
# Words of the orders of sources, and kinds of producers.
_RESERVED: Final = {"ingest", "other", "pools", "thin"}


class SourceDeclaration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the other services know of a polled source. Every value is a literal in its file.

    `reports`: "pools" when its pools count, "tokens" when it sums over all pools itself.
    `place`: the order in which sources are trusted, 1 first; those without a place come last, by
    name. `chain_names`: canonical chain id → what the source calls that chain, where it differs.
    `link`: its page of a token, with `{chain}` (as it calls it), `{address}` and `{pool}`.
    `credit`: a line that its terms require; without one it is listed as "Data by".
    `replayed`: services/replay answers in its place; without that it is off in a demo.
    """

    name: str
    title: str
    website: str
    reports: Literal["pools", "tokens"]
    place: int = LAST
    chain_names: dict[str, str] = {}
    link: str = ""
    credit: str = ""
    replayed: bool = False


def read_declaration(name: str, text: str) -> SourceDeclaration:
    """Return the declaration in the text of the file `<name>.py`. Raises ConfigError."""
    try:
        found = msgspec.convert(_literals(ast.parse(text)), SourceDeclaration)
    except (SyntaxError, ValueError, msgspec.ValidationError) as error:
        raise ConfigError(f"services/fetcher/sources/{name}.py: {error}") from None
    if found.name != name or not _NAME.fullmatch(name) or name in _RESERVED:
        wanted = "a source is named as its file: [a-z][a-z0-9_]*, none of the words of PRICE_ORDER"
        raise ConfigError(f"services/fetcher/sources/{name}.py: name={found.name!r}; {wanted}")
    return found


def in_order(declared: Iterable[SourceDeclaration]) -> dict[str, SourceDeclaration]:
    """Return sources by name, the most trusted first."""
    ranked = sorted(declared, key=lambda each: (each.place, each.name))
    return {each.name: each for each in ranked}


def is_polled(name: str) -> bool:
    """Return whether the fetcher polls a source of this name, which no producer may have then."""
    return name in POLLED


def polled(reports: Literal["pools", "tokens"]) -> tuple[str, ...]:
    """Return the names of the sources that report pools, or tokens, the most trusted first."""
    return tuple(name for name, each in POLLED.items() if each.reports == reports)


def letters(declared: Mapping[str, SourceDeclaration]) -> dict[str, str]:
    """Return one letter per source, for the page's list; `I` is that of producers.

    The first capital of its title that no source before it has, else the first free letter, else
    its first capital.
    """
    found: dict[str, str] = {}
    for name, each in declared.items():
        own = [letter for letter in each.title if letter.isalpha()] or ["?"]
        wanted = [*filter(str.isupper, own), *(letter.upper() for letter in own)]
        taken = {"I", *found.values()}
        found[name] = next((letter for letter in wanted if letter not in taken), wanted[0])
    return found


def _literals(module: ast.Module) -> dict[str, Any]:
    """Return the arguments of the one call of `SourceDeclaration` at the top of a module."""
    for node in module.body:
        call = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func) == SourceDeclaration.__name__:
            return {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    raise ValueError(f"there is no {SourceDeclaration.__name__}(...) at the top of the file")


def _read() -> Mapping[str, SourceDeclaration]:
    folder = files("services").joinpath("fetcher", "sources")
    texts = {
        file.name.removesuffix(".py"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".py") and not file.name.startswith("_")
    }
    found = in_order(read_declaration(name, text) for name, text in texts.items())
    return MappingProxyType(found)


POLLED: Final = _read()  # by name, the most trusted first
