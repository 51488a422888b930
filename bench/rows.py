"""The rows of every recorded token, to compare two versions of the merge rules.

Prints one line per token and figure. Run in two checkouts and compare the output:
`python -m bench.rows > after.txt`, then `diff before.txt after.txt`. No Redis, no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from services.fetcher.source import Page
from services.fetcher.sources import dexscreener, geckoterminal, jupiter
from shared.errors import PipelineError
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, decode_reading, merge_reading
from shared.merge.rules import merge_token

T0: Final = 1_790_000_000_000
RECORDED: Final = Path(__file__).parents[1] / "services" / "replay" / "recorded"
READERS: Final = {
    "dexscreener": dexscreener.read_pairs,
    "geckoterminal": geckoterminal.read_page,
    "jupiter": jupiter.read_tokens,
}
State = dict[tuple[str, str], dict[str, SourceReading]]


def read(source: str, body: bytes) -> Page | None:
    """Return what a recording says; None where it is of a kind that this reader does not take."""
    try:
        return READERS[source](body, T0)
    except PipelineError:
        return None


def remember(state: State, source: str, page: Page) -> None:
    for given in page.readings:
        reading = decode_reading(msgspec.json.encode(given), T0)
        held = state.setdefault((reading.chain, reading.token_address), {})
        held[source] = merge_reading(held.get(source), reading)


def recordings() -> Iterator[tuple[str, State]]:
    """Yield the name and the tokens of each recording alone, then of all together."""
    together: State = {}
    for source in READERS:
        for path in sorted((RECORDED / source).glob("*.json")):
            page = read(source, path.read_bytes())
            if page is not None:
                alone: State = {}
                remember(alone, source, page)
                remember(together, source, page)
                yield path.stem, alone
    yield "all", together


def main() -> None:
    for name, state in recordings():
        for (chain, address), readings in sorted(state.items()):
            row = merge_token(chain, address, readings, T0, MergeRules()).values
            for field, value in row.items():
                print(f"{name} {chain}:{address} {row.get('token_ticker', '?')} {field} = {value}")


if __name__ == "__main__":
    main()
