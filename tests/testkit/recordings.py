"""The recorded upstream bodies, as the replay service holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from services.fetcher.source import ParsedBody
from shared.model import SIGNAL_FIELDS, WINDOWS, PoolReading, Reading

RECORDED: Final = Path(__file__).resolve().parents[2] / "services" / "replay" / "recorded"


def recorded(source: str, name: str) -> bytes:
    return (RECORDED / source / f"{name}.json").read_bytes()


def figures(reading: Reading) -> Reading:
    """The names and figures of a reading; tests/fetcher/test_signals.py holds the rest."""
    kept = dict.fromkeys(SIGNAL_FIELDS, UNSET)
    pools = tuple(map(pool_figures, reading.pools))
    return replace(
        reading, **{**kept, "launchpad": UNSET, "detail": UNSET}, pools=pools, moved_to=()
    )


def pool_figures(pool: PoolReading) -> PoolReading:
    names = [name for name in PoolReading.__struct_fields__ if name.endswith(("_15m", "_30m"))]
    names += [f"traders_{window}" for window in WINDOWS]
    return replace(pool, **dict.fromkeys(names), labels=())


def the_reading(page: ParsedBody, address: str) -> Reading:
    (found,) = [each for each in page.readings if each.token_address == address]
    return figures(found)


def the_pool(page: ParsedBody, address: str) -> PoolReading:
    (found,) = [
        pool for each in page.readings for pool in each.pools if pool.pool_address == address
    ]
    return pool_figures(found)
