"""The table of chains, read once from shared/chains.toml, which names the origin of each entry."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct


class QuoteAsset(Struct, frozen=True, array_like=True):
    """A token that others are priced in; `listed` are the letters of the lists that name it."""

    symbol: str
    address: str
    listed: str


class Chain(Struct, frozen=True, forbid_unknown_fields=True):
    """One chain: its other names, its native coin, its quote assets, how it writes addresses."""

    names: tuple[str, ...] = ()
    native: str | None = None
    wrapped: str | None = None
    family: str | None = None
    quotes: tuple[QuoteAsset, ...] = ()
    priced: tuple[QuoteAsset, ...] = ()  # listed like any other, yet others are quoted in them


def _read() -> dict[str, Chain]:
    text = files("shared").joinpath("chains.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, Chain])


CHAINS: Final = _read()  # by canonical id
