"""The recorded upstream bodies, as the replay service holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from services.fetcher.source import ParsedBody
from shared.model import PoolReading, Reading

RECORDED: Final = Path(__file__).resolve().parents[2] / "services" / "replay" / "recorded"


def recorded(source: str, name: str) -> bytes:
    return (RECORDED / source / f"{name}.json").read_bytes()


def the_reading(page: ParsedBody, address: str) -> Reading:
    (found,) = [each for each in page.readings if each.token_address == address]
    return found


def the_pool(page: ParsedBody, address: str) -> PoolReading:
    (found,) = [
        pool for each in page.readings for pool in each.pools if pool.pool_address == address
    ]
    return found
