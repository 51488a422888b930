"""What a check says: one line of what was seen, one of what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

Verdict: TypeAlias = Literal["ok", "warn", "fail"]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One check. `fix` is empty only when there is nothing to do."""

    name: str
    verdict: Verdict
    seen: str
    fix: str = ""


def ok(name: str, seen: str) -> Result:
    """All is well."""
    return Result(name=name, verdict="ok", seen=seen)


def warn(name: str, seen: str, fix: str) -> Result:
    """It runs, and something is not as it should be."""
    return Result(name=name, verdict="warn", seen=seen, fix=fix)


def fail(name: str, seen: str, fix: str) -> Result:
    """It does not run, or serves what is wrong."""
    return Result(name=name, verdict="fail", seen=seen, fix=fix)


def shown(results: Sequence[Result]) -> str:
    """Return the table for people; what is wrong has its fix beneath."""
    lines = []
    for result in results:
        lines.append(f"{result.verdict:<4}  {result.name:<18}  {result.seen}")
        if result.fix:
            lines.append(f"{'':<26}→ {result.fix}")
    failed = sum(result.verdict == "fail" for result in results)
    warned = sum(result.verdict == "warn" for result in results)
    lines.append(f"{len(results)} checks, {failed} failed, {warned} to look at")
    return "\n".join(lines)
