"""For how long an upstream wants not to be called, by its headers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

DEFAULT_WAIT_S: Final = 1.0  # a 429 that does not say how long, or says it unreadably
MAX_WAIT_S: Final = 120.0
_RESETS: Final = (
    *("x-ratelimit-reset", "x-ratelimit-reset-after", "x-rate-limit-reset", "ratelimit-reset"),
)
_REMAINING: Final = ("x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining")
_SECONDS: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)
# `RateLimit: "burst";r=5;t=3, "daily";r=0;t=9`, and the older `limit=10, remaining=0, reset=5`.
_POLICY: Final = re.compile(r',\s*(?=")')
_FIELD_RESET: Final = re.compile(r"(?:^|[;,\s])(?:t|reset)=([0-9.]{1,20})")
_FIELD_SPENT: Final = re.compile(r"(?:^|[;,\s])(?:r|remaining)=0(?![0-9.])")
# A reset below this is a span in seconds, then comes Unix time in seconds, then in milliseconds.
_UNIX_FROM: Final = 1e8
_UNIX_MS_FROM: Final = 1e11


def requested_wait_s(status: int, headers: Mapping[str, str], now_s: float) -> float:
    """Return for how long nobody should call this host, in seconds; 0 when it did not say.

    `Retry-After` counts with 429 and 5xx; a rate limit's reset (`x-ratelimit-reset`,
    `RateLimit-Reset`, `RateLimit`) with 429 and when nothing remains. Capped at 120 s.
    """
    wait_s = None
    if status == 429 or 500 <= status <= 599:
        wait_s = _retry_after_s(headers.get("retry-after"), now_s)
    if wait_s is None and (status == 429 or _none_remain(headers)):
        wait_s = _reset_s(headers, now_s)
    if wait_s is None or wait_s <= 0:
        return DEFAULT_WAIT_S if status == 429 else 0.0
    return min(MAX_WAIT_S, wait_s)


def _retry_after_s(value: str | None, now_s: float) -> float | None:
    if value is None:
        return None
    given = [_seconds(each) for each in value.split(", ")]  # of two headers one is made
    spans = [_from_now_s(each, now_s) for each in given if each is not None]
    if len(spans) == len(given):
        return max(spans)
    date_s = _date_s(value, now_s)
    return DEFAULT_WAIT_S if date_s is None else date_s


def _reset_s(headers: Mapping[str, str], now_s: float) -> float | None:
    for name in _RESETS:
        value = headers.get(name)
        if value is not None:
            seconds = _seconds(value)
            return _date_s(value, now_s) if seconds is None else _from_now_s(seconds, now_s)
    return _policies_s(headers.get("ratelimit", ""))


def _policies_s(field: str) -> float | None:
    """Return the longest wait of the policies that are spent; of all when none says so."""
    policies = _POLICY.split(field)
    spent = [each for each in policies if _FIELD_SPENT.search(each)] or policies
    found = [_FIELD_RESET.search(each) for each in spent]
    seconds = [_seconds(each[1]) for each in found if each]
    return max((each for each in seconds if each is not None), default=None)


def _from_now_s(reset: float, now_s: float) -> float:
    if reset < _UNIX_FROM:
        return reset
    return (reset if reset < _UNIX_MS_FROM else reset / 1_000) - now_s


def _date_s(value: str, now_s: float) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() - now_s
    except (ValueError, OverflowError, TypeError):
        return _iso_s(value.strip(), now_s)


def _iso_s(value: str, now_s: float) -> float | None:
    """Read `2026-09-21T14:13:30Z`, which some send as a reset; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now_s
    except (ValueError, OverflowError):
        return None


def _seconds(value: str) -> float | None:
    found = _SECONDS.fullmatch(value.strip())
    return float(found[0]) if found else None


def _none_remain(headers: Mapping[str, str]) -> bool:
    for name in _REMAINING:
        remaining = headers.get(name, "").strip()
        if remaining == "0" or (remaining.startswith("-") and remaining[1:].isdigit()):
            return True
    return bool(_FIELD_SPENT.search(headers.get("ratelimit", "")))
