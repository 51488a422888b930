"""Answers in JSON:API: typed records, their relations, ids of network and address. Pure.

Ids are `<network>_<address>`, and both parts may hold "_".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from services.fetcher.values import decode_body, decode_each


class WireId(Struct, frozen=True):
    """What a relationship points to."""

    id: str


class WireRelation(Struct, frozen=True):
    """A relationship to one record."""

    data: WireId | None = None


class _Typed(Struct, frozen=True):
    """The type of any record, read first."""

    type: str


class _Document(Struct, frozen=True):
    """One record or many, and the records they point to when the request included them."""

    data: Raw
    included: list[Raw] | None = None


_DOCUMENT: Final = msgspec.json.Decoder(_Document)
_DATA: Final = msgspec.json.Decoder(list[Raw])
_KIND: Final = msgspec.json.Decoder(_Typed)


class Records(Struct, frozen=True):
    """The records of an answer by type: those requested, and those that came along."""

    requested: dict[str, list[Raw]]
    included: dict[str, list[Raw]]


def read_records(body: bytes, refused: Counter[str]) -> Records:
    """Return the records of a body; what is wrong with requested ones is counted in `refused`.

    Raises as `decode_body` does.
    """
    document = decode_body(_DOCUMENT, body, refused)
    return Records(
        _by_type(_requested(document.data), refused),
        _by_type(document.included or [], Counter()),
    )


def _requested(data: Raw) -> list[Raw]:
    """Return the records of `data`: a list, or one record."""
    try:
        return _DATA.decode(data)
    except msgspec.ValidationError:
        return [data]


def _by_type(records: Iterable[Raw], refused: Counter[str]) -> dict[str, list[Raw]]:
    found: dict[str, list[Raw]] = {}
    for record in records:
        for kind in decode_each(_KIND, [record], refused):
            found.setdefault(kind.type, []).append(record)
    return found


def network_of_id(record_id: str, address: str) -> str | None:
    """Return the network of `<network>_<address>`; the address shows where it ends."""
    network = record_id.removesuffix(f"_{address}")
    return network if network and network != record_id else None


def address_of(relation: WireRelation | None, network: str) -> str | None:
    """Return the address that a relationship points to; None without one in this network."""
    name = relation.data.id if relation and relation.data else ""
    return name.removeprefix(f"{network}_") if name.startswith(f"{network}_") else None
