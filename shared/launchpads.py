"""Launchpads and their stages; the table is shared/launchpads.toml. Pure."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct


class Launchpad(Struct, frozen=True, forbid_unknown_fields=True):
    """One launchpad: its other names, and the pools that its tokens trade in."""

    curve: bool
    names: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()


def _read() -> dict[str, Launchpad]:
    text = files("shared").joinpath("launchpads.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, Launchpad])


LAUNCHPADS: Final = _read()  # by canonical name
_NAMES: Final = {
    written: name for name, each in LAUNCHPADS.items() for written in (name, *each.names)
}
_CURVES: Final = {pool: name for name, each in LAUNCHPADS.items() for pool in each.pools}
_EXCHANGES: Final = frozenset(to for each in LAUNCHPADS.values() for to in each.exchanges)


@lru_cache(maxsize=4096)
def canonical_launchpad(name: str) -> str:
    """Return a launchpad's one name; one that the table does not have keeps its own."""
    return _NAMES.get(name.strip().casefold(), name)


def launchpad_of_pool(protocol: str) -> str | None:
    """Return whose curve the pools of a protocol are, None when they are no curve's."""
    return _CURVES.get(protocol)


def is_destination(protocol: str) -> bool:
    """Return whether launches of any launchpad move on to this exchange."""
    return protocol in _EXCHANGES


def has_curve(launchpad: str) -> bool | None:
    """Return whether tokens of a launchpad begin on a curve; None: the table does not have it."""
    found = LAUNCHPADS.get(launchpad)
    return None if found is None else found.curve


def moves_to(launchpad: str, protocol: str) -> bool:
    """Return whether the tokens of a launchpad move on to this exchange."""
    found = LAUNCHPADS.get(launchpad)
    return found is not None and protocol in found.exchanges
