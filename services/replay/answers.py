"""What the three answers have in common."""

from __future__ import annotations

from typing import Any, TypeAlias

from services.replay.market.market import MarketSnapshot
from services.replay.market.model import MarketToken
from shared.spellings import canonical_address

Json: TypeAlias = dict[str, Any]


class ErrorAnswer(Exception):
    """The upstream would answer with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def split_ids(text: str, most: int) -> list[str]:
    """Return the comma-separated addresses; raises Refused (400) when there are too many."""
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not ids or len(ids) > most:
        raise ErrorAnswer(400, f"between 1 and {most} addresses are allowed")
    return list(dict.fromkeys(ids))


def find_tokens(snapshot: MarketSnapshot, chain: str, ids: list[str]) -> list[MarketToken]:
    """Return the tokens that the market knows, in the order requested."""
    found = (
        snapshot.market.find(chain, canonical_address(chain, address) or address) for address in ids
    )
    return [token for token in found if token]


def short(value: float, digits: int = 2) -> float | int:
    """Return a number as JavaScript would write it: whole ones without a fraction."""
    rounded = round(value, digits)
    return int(rounded) if rounded == int(rounded) else rounded
