"""Places that are shared among addresses: one of each in turn. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def in_turn(wanted: Mapping[str, Iterable[str]], *, most: int, most_bytes: int) -> list[str]:
    """Return what addresses want, the first of each, then the second of each, and so on.

    Nothing is there twice. `most_bytes` bounds the sum of the lengths.
    """
    chosen: dict[str, None] = {}
    size = 0
    waiting = [iter(each) for each in wanted.values()]
    while waiting:
        still = []
        for each in waiting:
            one = next((other for other in each if other not in chosen), None)
            if one is None:
                continue
            size += len(one)
            if len(chosen) >= most or size > most_bytes:
                return list(chosen)
            chosen[one] = None
            still.append(each)
        waiting = still
    return list(chosen)
