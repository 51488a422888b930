"""Resident memory of each service by the number of tokens, with readings of three sources each.

Run: `python -m bench.memory [--tree FOLDER ...] [--tokens N ...] [--minutes M]`. Each folder is a
checkout of dexwire (the default: this one) with a server, an aggregator, an api and a gateway of
its own. With --minutes the market goes on for so long, 500 tokens a second; then the memory again.
"""

from __future__ import annotations

import os
import platform
import time
from typing import Final

import msgspec

from bench.figures import note
from bench.process import resident_mib
from bench.readings import BATCH, PREFIX, reading
from bench.running import Services, market, running, tree_parser, trees_of
from shared.model import ReadingBatch

SOURCES: Final = ("dexscreener", "geckoterminal", "jupiter")
SERVICES: Final = ("aggregator", "api", "ws")


def publish_all(found: Services, tokens: int) -> None:
    """Publish a reading of every token from each source."""
    for source in SOURCES:
        case = "a" if source == "jupiter" else "c"
        for start in range(0, tokens, BATCH):
            now_ms = int(time.time() * 1000)
            numbers = range(start, min(start + BATCH, tokens))
            message = ReadingBatch(
                source=source,
                batch_id=f"{source}-{start}",
                sent_ms=now_ms,
                tokens=tuple(reading(case, number, 1, now_ms) for number in numbers),
            )
            found.client.publish(f"{PREFIX}raw_tokens", msgspec.json.encode(message))
            time.sleep(0.02)  # 5,000 readings a second: within what is bounded
    time.sleep(5.0)


def row(label: str, tokens: int, found: Services) -> dict[str, float]:
    """Print a row; return the memory of each service."""
    used = {name: resident_mib(found.processes[name].pid) for name in SERVICES}
    server = resident_mib(found.server.pid or 0)
    shown = "".join(f"{used[name]:>14.0f}" for name in SERVICES)
    print(f"{label:<22}{tokens:>9,}{shown}{server:>10.0f}"
          f"{used['aggregator'] * 1024 / max(tokens, 1):>18.2f}")  # fmt: skip
    return used


def main() -> None:
    parser = tree_parser(__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[1_000, 20_000, 100_000])
    parser.add_argument("--minutes", type=float, default=0.0)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; MiB")
    print(f"{'':<22}{'tokens':>9}" + "".join(f"{name:>14}" for name in SERVICES)
          + f"{'redis':>10}{'aggr. KiB a token':>18}")  # fmt: skip
    for name, path in trees_of(chosen).items():
        for tokens in chosen.tokens:
            settings = {"MAX_TOKENS": str(tokens + 1_000)}
            with running(name, path, tokens, "api", "ws", **settings) as found:
                publish_all(found, tokens)
                before = row(found.name, tokens, found)
                for service, mib in before.items():
                    note(f"{tokens} {service}", mib)
                if chosen.minutes:
                    with market(found, tokens):
                        time.sleep(chosen.minutes * 60)
                    after = row(f"after {chosen.minutes:g} minutes", tokens, found)
                    for service, mib in after.items():
                        note(f"{service} growth", mib / before[service])


if __name__ == "__main__":
    main()
