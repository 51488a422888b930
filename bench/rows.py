"""The rows of every recorded token and of hostile pools, and how they compare with older rules.

`python -m bench.rows` prints one line per token and figure. `python -m bench.rows --table` prints
docs/decisions/0020-rows.md: each figure that the pool rule changed, with its reason. What it was
before is in rows_before.json.gz, written by `python -m bench.rows --save <commit>` in a checkout
of that commit with this file and hostile.py. No Redis, no network.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from bench.hostile import HOSTILE
from services.fetcher.sources import dexscreener, geckoterminal, jupiter
from shared.chains import split_token_id
from shared.errors import PipelineError
from shared.merge.explain import Explanation, explain
from shared.merge.policy import MergeRules
from shared.merge.readings import SourceReading, decode_reading, merge_reading
from shared.merge.rules import merge_token
from shared.model import ROW_FIELDS, Reading

T0: Final = 1_790_000_000_000
RECORDED: Final = Path(__file__).parents[1] / "services" / "replay" / "recorded"
BEFORE: Final = Path(__file__).with_name("rows_before.json.gz")
READERS: Final = {
    "dexscreener": dexscreener.read_pairs,
    "geckoterminal": geckoterminal.read_page,
    "jupiter": jupiter.read_tokens,
}
RULES: Final = MergeRules()
BY_THE_RULE: Final = ("unbacked", "untraded", "outvoted")  # reasons that take from a sum
HEAD: Final = """# 0020, annex: what the pool rule changes

Written by `python -m bench.rows --table`; a test holds it to the rules. *Before* are the rules of
{commit}, the commit before the pool rule, on the same inputs (`bench/rows_before.json.gz`). The
reasons are those that the explanation of a token says.

## Hostile pools

The real price is about 2 USD (`bench/hostile.py`). A pool that is washed in many trades against a
known asset still sets the price where no two sources contradict it, unless it is known to hold
little of that asset.
"""
State: TypeAlias = dict[tuple[str, str], dict[str, SourceReading]]
Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, dict[str, Row]]  # recording → token id → row


class Before(msgspec.Struct, frozen=True):
    """What an older version made of the same inputs."""

    commit: str
    rows: Rows


def read(source: str, body: bytes) -> tuple[Reading, ...] | None:
    """Return what a recording says; None where it is of a kind that this reader does not take."""
    try:
        return READERS[source](body, T0).readings
    except PipelineError:
        return None


def remember(state: State, source: str, given: tuple[Reading, ...]) -> None:
    for each in given:
        reading = decode_reading(msgspec.json.encode(each), T0)
        held = state.setdefault((reading.chain, reading.token_address), {})
        held[source] = merge_reading(held.get(source), reading)


def recordings() -> Iterator[tuple[str, State]]:
    """Yield name and tokens of each hostile input, each recording, and all recordings together."""
    for name, bodies in HOSTILE.items():
        state: State = {}
        for source, body in bodies:
            page = read(source, msgspec.json.encode(body))
            assert page is not None, name  # noqa: S101
            remember(state, source, page)
        yield name, state
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


def rows_of(state: State) -> dict[str, Row]:
    return {
        f"{chain}:{address}": merge_token(chain, address, readings, T0, RULES).values
        for (chain, address), readings in sorted(state.items())
    }


# -- before and after -----------------------------------------------------------------------------
def read_before() -> Before:
    return msgspec.json.decode(gzip.decompress(BEFORE.read_bytes()), type=Before)


def save(commit: str) -> None:
    rows = {name: rows_of(state) for name, state in recordings()}
    encoded = msgspec.json.encode(Before(commit, rows))
    BEFORE.write_bytes(gzip.compress(encoded, 9, mtime=0))


def reason(explained: Explanation, field: str, then: Row) -> str:
    """Return why the explanation does not say what was there before."""
    passed = explained.fields[field].passed_over if field in explained.fields else ()
    found = [each for each in passed if each.reason in BY_THE_RULE]
    found = [each for each in passed if each.value == then.get(field)] or found
    if not found and "price" in explained.fields:  # what goes with the price changed with the pool
        led = then.get("pool_address")
        found = [each for each in explained.fields["price"].passed_over if each.pool == led]
    if found:
        return "; ".join(dict.fromkeys(f"`{each.reason}`: {each.why}" for each in found))
    return next((each.why for each in explained.pools if each.role == "price"), "")


def shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1e5 else f"{value:,.6g}"
    return "none" if value is None else str(value)


def hostile_lines(before: Before, states: Mapping[str, State]) -> Iterator[str]:
    fields = ("price", "price_source", "liquidity")
    yield f"| input | {' | '.join(fields)} | reason |"
    yield "| --- " * 5 + "|"
    for name in HOSTILE:
        ((token, row),) = rows_of(states[name]).items()
        (readings,) = states[name].values()
        then = before.rows[name][token]
        cells = {field: shown(row.get(field)) for field in fields}
        changed = [field for field in fields if then.get(field) != row.get(field)]
        cells |= {field: f"{shown(then.get(field))} → {cells[field]}" for field in changed}
        explained = explain(readings, T0, RULES)
        why = reason(explained, changed[0], then) if changed else "unchanged"
        yield f"| {name} | {' | '.join(cells.values())} | {why} |"


def recorded_lines(before: Before, states: Mapping[str, State]) -> Iterator[str]:
    """Yield each changed figure once: of all recordings together what no single one shows."""
    yield "| recording | token | field | before | after | reason |"
    yield "| --- " * 6 + "|"
    known = {field for rows in before.rows.values() for row in rows.values() for field in row}
    seen = set()
    for name in [name for name in before.rows if name not in HOSTILE]:
        for token, row in rows_of(states[name]).items():
            then = before.rows[name].get(token, {})
            changed = [field for field in known if then.get(field) != row.get(field)]
            explained = explain(states[name][split_token_id(token)], T0, RULES) if changed else None
            for field in sorted(changed, key=ROW_FIELDS.index):
                assert explained is not None  # noqa: S101
                cells = f"{field} | {shown(then.get(field))} | {shown(row.get(field))}"
                ticker = row.get("token_ticker", "")
                line = f"| {ticker} `{token}` | {cells} | {reason(explained, field, then)} |"
                if line not in seen:
                    yield f"| {name} {line}"
                seen.add(line)


def table() -> str:
    """Return docs/decisions/0020-rows.md."""
    before, states = read_before(), dict(recordings())
    rows = sum(len(rows) for name, rows in before.rows.items() if name not in HOSTILE)
    recorded = list(recorded_lines(before, states))
    head = HEAD.format(commit=before.commit[:7])
    summary = f"Of {rows:,} rows, {len(recorded) - 2} figures changed; each is named once."
    hostile = hostile_lines(before, states)
    return "\n".join([head, *hostile, "", "## Recordings", "", summary, "", *recorded, ""])


def main() -> None:
    for name, state in recordings():
        for token, row in rows_of(state).items():
            for field, value in row.items():
                print(f"{name} {token} {row.get('token_ticker', '?')} {field} = {value}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--save"]:
        save(sys.argv[2])
    elif sys.argv[1:] == ["--table"]:
        print(table(), end="")
    else:
        main()
