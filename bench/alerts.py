"""What alerts cost the aggregator per committed token: the decision, its JSON included.

One token with three sources, both figures and both windows watched, committed every two seconds of
market time; each 15th commit takes a sample of five minutes' window. Run:
`python -m bench.alerts [rounds]`. No Redis, no I/O.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from bench.merge import MINT, RULES, T0, measure, reading
from services.aggregator.alerts import AlertBook, encode_track
from shared.merge.readings import SourceReading, merge_reading
from shared.merge.rules import merge_token

STEP_MS: Final = 2_000
WARM: Final = 1_800  # commits of an hour: the history is full


def main(rounds: int) -> None:
    sources = ("dexscreener", "geckoterminal", "jupiter")
    readings: dict[str, SourceReading] = {
        source: merge_reading(None, reading(source, 0)) for source in sources
    }
    row = merge_token("solana", MINT, readings, T0, RULES).values
    book = AlertBook()

    def commit(step: int, swing: float) -> int:
        """Judge and take one commit; return how many events it has."""
        now_ms = T0 + step * STEP_MS
        before: dict[str, Any] = {**row, "observed_ms": now_ms - STEP_MS}
        factor = 1 + swing * (step % 400) / 400
        changed = {
            "price": row["price"] * factor,
            "volume_5m": row["volume_5m"] * factor,
            "observed_ms": now_ms,
        }
        judged = book.judge(MINT, before, changed, now_ms)
        for track in judged.tracks.values():
            encode_track(track)
        book.put(MINT, judged.tracks)
        return len(judged.crossings)

    def bare(step: int) -> object:
        """What `commit` does besides alerts."""
        now_ms = T0 + step * STEP_MS
        before = {**row, "observed_ms": now_ms - STEP_MS}
        factor = 1 + (step % 400) / 400
        return before, {
            "price": row["price"] * factor,
            "volume_5m": row["volume_5m"] * factor,
            "observed_ms": now_ms,
        }

    for step in range(WARM):
        commit(step, 0.0)
    sizes = {window: len(encode_track(track)) for window, track in book.tracks(MINT).items()}
    print(f"stored, in bytes: {sizes}")
    measure("the benchmark's own share", rounds, bare)
    measure("a quiet token, per commit", rounds, lambda step: commit(WARM + step, 0.001))
    calm = WARM + 5 * rounds
    measure("a wild token, per commit", rounds, lambda step: commit(calm + step, 9.0))
    events = sum(commit(calm + 5 * rounds + step, 9.0) for step in range(rounds))
    print(f"events in {rounds} wild commits: {events}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
