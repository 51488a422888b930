"""Look-alikes: which rows have the same ticker, which is the oldest, which the most liquid. Pure.

The marks are a function of the rows alone, whatever their order, so that a restart cannot be
seen; and it seldom changes: liquidity counts by powers of two, and large counts by steps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import frexp
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.merge.names import fold_ticker

EXACT: Final = 10  # groups smaller than this are counted exactly
_STEPS: Final = tuple(step * 10**power for power in range(1, 7) for step in (1, 2, 5))
_UNBORN: Final = 10**15  # after every known creation
_NO_ONE: Final[tuple[int, str, str]] = (0, "", "")


class _Entry(Struct, frozen=True):
    key: str
    created_ms: int
    depth: int  # the power of two of the liquidity


class _Shown(Struct, frozen=True):
    """What is taken of a stored row."""

    token_ticker: str = ""
    created_ms: int = _UNBORN
    liquidity: float = 0.0


_key: Final = lru_cache(maxsize=65_536)(fold_ticker)
_decode: Final = msgspec.json.Decoder(_Shown).decode


class Tickers:
    """All rows by ticker."""

    def __init__(self, rows: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """Begin with the rows that are committed (JSON by id)."""
        self._entries: dict[str, _Entry] = {}
        self._groups: dict[str, set[str]] = {}
        self._published: dict[str, tuple[int, str, str]] = {}  # key → (count, oldest, most liquid)
        for token, raw in rows.items():
            shown = _decode(raw)
            self._enter(token, _entry(shown.token_ticker, shown.created_ms, shown.liquidity))
        for key in self._groups:
            self._published[key] = self._judge(key)

    def put(self, token: str, row: Mapping[str, Any]) -> set[str]:
        """Take over a row; return the other rows whose mark is different now."""
        after = _entry(
            row.get("token_ticker", ""), row.get("created_ms", _UNBORN), row.get("liquidity", 0.0)
        )
        before = self._entries.get(token)
        if before == after:
            return set()
        self._leave(token)
        self._enter(token, after)
        return self._changed({after.key, before.key if before else after.key}) - {token}

    def remove(self, token: str) -> set[str]:
        """Forget a row; return the others whose mark is different now."""
        before = self._entries.get(token)
        if before is None:
            return set()
        self._leave(token)
        return self._changed({before.key})

    def mark(self, token: str) -> dict[str, int | bool] | None:
        """Return what a row says of its ticker; None when it is the only one of it."""
        entry = self._entries.get(token)
        count, oldest, deepest = self._published.get(entry.key, _NO_ONE) if entry else _NO_ONE
        if count < 2:
            return None
        return {"count": count, "oldest": token == oldest, "most_liquid": token == deepest}

    def _enter(self, token: str, entry: _Entry) -> None:
        self._entries[token] = entry
        if entry.key:
            self._groups.setdefault(entry.key, set()).add(token)

    def _leave(self, token: str) -> None:
        entry = self._entries.pop(token, None)
        if entry is not None and entry.key:
            group = self._groups[entry.key]
            group.discard(token)
            if not group:
                del self._groups[entry.key]

    def _changed(self, keys: Iterable[str]) -> set[str]:
        """Judge groups again; return the members of those that look different now."""
        members: set[str] = set()
        for key in keys:
            before, after = self._published.get(key, _NO_ONE), self._judge(key)
            if after == before:
                continue
            if after[0]:
                self._published[key] = after
            else:
                self._published.pop(key, None)
            group = self._groups.get(key, set())
            if before[0] != after[0]:
                members |= group
            else:  # only those that lose or gain a flag
                members |= {*before[1:], *after[1:]} & group
        return members

    def _judge(self, key: str) -> tuple[int, str, str]:
        group = self._groups.get(key)
        if not group:
            return _NO_ONE
        of = self._entries
        oldest = min(group, key=lambda token: (of[token].created_ms, token))
        deepest = min(group, key=lambda token: (-of[token].depth, of[token].created_ms, token))
        return (_step(len(group)), oldest, deepest)


def _entry(ticker: str, created_ms: int, liquidity: float) -> _Entry:
    return _Entry(_key(ticker), created_ms, frexp(liquidity)[1] if liquidity >= 1 else 0)


def _step(count: int) -> int:
    return count if count < EXACT else _STEPS[bisect_right(_STEPS, count) - 1]
