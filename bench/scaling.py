"""What a deployment needs for so many stream clients and tokens, from measured unit costs.

Run: `python -m bench.scaling` prints the tables of docs/SCALING.md. `python -m bench.scaling
--check` measures the unit costs here with one gateway and one api, predicts from them what four
gateways and two apis use, runs those, and prints prediction beside measurement.

The model is sums: a gateway pays for each commit and for each write to a client, an api for each
commit and each page, Redis for each commit, each of its readers and the pages that apis read after
it, the aggregator for each reading. What it leaves out: snapshots of many clients that come at once
(WS_SNAPSHOT_RATE bounds them), and cores that share a cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from math import ceil
from typing import Final, NamedTuple

USED: Final = 0.7  # of a core, in the mean, so that a burst finds room
FOLLOWING: Final = 0.35  # of a reader's core for commits, the other half for its clients
TWO: Final = 2  # of each service, so that one may be lost
CONNECTIONS: Final = 15_000  # of one gateway, as measured by bench.fanout
HOST_CORES: Final = 16  # what one usual host has
HOST_GBIT: Final = 10


class Costs(NamedTuple):
    """CPU in µs of one core and memory in KiB, rounded from single benchmarks (docs/SCALING.md)."""

    write_us: float = 12.6  # of a gateway: one message to one client
    follow_commit_us: float = 700.0  # of a gateway or an api: any commit
    follow_row_us: float = 25.0  # and each row of it
    page_us: float = 110.0  # of an api: one page of 50
    commit_us: float = 700.0  # of Redis: any commit
    row_us: float = 15.0  # and each row of it, with its reading
    reader_us: float = 20.0  # of Redis: one commit to one of its readers
    page_read_us: float = 900.0  # of Redis: a page of all chains, read once after a commit
    page_bytes: float = 38_000.0
    changed_us: float = 105.0  # of the aggregator: a reading that changes price and figures
    repeated_us: float = 22.0  # of the aggregator: a reading that changes nothing
    row_bytes: float = 150.0  # of a commit: one changed row
    frame_bytes: float = 3_000.0  # of a client: one message
    connection_kib: float = 8.0
    # TOKEN_OF; of three sources, two of which give three pools each (bench.memory)
    token_kib: tuple[float, float, float, float] = (16.0, 5.0, 4.3, 9.0)


TOKEN_OF: Final = ("aggregator", "api", "gateway", "redis")


class Load(NamedTuple):
    """What is wanted."""

    clients: float
    tokens: float
    pages_s: float = 0.0
    readings_s: float = 100.0
    changed: float = 1.0  # share of the readings that change their row
    commits_s: float = 5.0  # one a window
    lists: int = 3  # different pages of all chains that each api is requested after every commit

    def part(self, groups: int) -> Load:
        """Return the load of one of so many groups of chains, each with a Redis of its own."""
        return self._replace(
            clients=self.clients / groups,
            tokens=self.tokens / groups,
            pages_s=self.pages_s / groups,
            readings_s=self.readings_s / groups,
        )


class Needs(NamedTuple):
    """What one deployment takes."""

    gateways: int
    gateway_cores: float  # of all of them
    apis: int
    redis_cores: float
    redis_gbit: float  # a second, that Redis sends to its readers
    client_gbit: float  # a second, that the gateways send to clients
    aggregator_cores: float
    following: float  # cores of one reader
    memory_gib: dict[str, float]  # of one process

    @property
    def fits(self) -> bool:
        """Whether one aggregator and one core of each reader can do it."""
        return self.aggregator_cores <= USED and self.following <= FOLLOWING


def needs(load: Load, costs: Costs) -> Needs:
    """Return what a load takes."""
    rows_s = load.readings_s * load.changed
    following = (load.commits_s * costs.follow_commit_us + rows_s * costs.follow_row_us) / 1e6
    free = max(0.01, USED - following)
    writes = load.clients * load.commits_s * costs.write_us / 1e6
    pages = load.pages_s * costs.page_us / 1e6
    gateways = max(TWO, ceil(writes / free), ceil(load.clients / CONNECTIONS))
    apis = max(TWO, ceil(pages / free))
    readers = gateways + apis + TWO
    page_reads_s = load.commits_s * apis * load.lists
    redis = load.commits_s * (costs.commit_us + readers * costs.reader_us)
    redis += rows_s * costs.row_us + page_reads_s * costs.page_read_us
    changed_us = load.changed * costs.changed_us + (1 - load.changed) * costs.repeated_us
    kib = dict(zip(TOKEN_OF, costs.token_kib, strict=True))
    memory = {name: 0.07 + load.tokens * each / 2**20 for name, each in kib.items()}
    memory["gateway"] += load.clients / gateways * costs.connection_kib / 2**20
    return Needs(
        gateways=gateways,
        gateway_cores=gateways * following + writes,
        apis=apis,
        redis_cores=redis / 1e6,
        redis_gbit=(rows_s * costs.row_bytes * readers + page_reads_s * costs.page_bytes) * 8 / 1e9,
        client_gbit=load.clients * load.commits_s * costs.frame_bytes * 8 / 1e9,
        aggregator_cores=load.readings_s * changed_us / 1e6,
        following=following,
        memory_gib=memory,
    )


def grouped(load: Load, costs: Costs) -> tuple[int, Needs]:
    """Return the least number of groups of chains that can do it, and what one of them takes."""
    groups = 1
    while not (need := needs(load.part(groups), costs)).fits:
        groups += 1
    return groups, need


def bottleneck(load: Load, need: Needs, groups: int = 1) -> str:
    """Name what is furthest past what one core, one host or the sources have."""
    shares = {
        "upstream budgets": load.tokens / FRESH_S / sum(each.tokens_s for each in BUDGETS),
        "the one aggregator": groups * need.aggregator_cores / USED,
        "following every commit": groups * need.following / FOLLOWING,
        "Redis' core": need.redis_cores / USED,
        "Redis' output": need.redis_gbit / HOST_GBIT,
        "gateways: kernel send": groups * need.gateway_cores / USED / HOST_CORES,
        "network to clients": groups * need.client_gbit / HOST_GBIT,
    }
    name, share = max(shares.items(), key=lambda item: item[1])
    return f"{name}, {share:,.1f} x"


class Budget(NamedTuple):
    """What a source allows by default: calls a minute, and tokens in one call."""

    source: str
    per_minute: int
    batch: int

    @property
    def tokens_s(self) -> float:
        return self.per_minute * self.batch / 60


BUDGETS: Final = (
    Budget("DexScreener", 240, 30),
    Budget("Jupiter", 24, 100),
    Budget("GeckoTerminal", 24, 30),
)
CLIENTS: Final = (10_000, 100_000, 1_000_000, 10_000_000)
TOKENS: Final = (1_000, 10_000, 100_000, 1_000_000)
FRESH_S: Final = 30.0  # each token is wanted this often


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    names = list(head)
    yield "| " + " | ".join(names) + " |"
    yield "|" + " --- |" * len(names)
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


def by_clients(costs: Costs) -> Iterator[str]:
    """Yield the table of stream clients, with 2,000 tokens of which 100 a second change."""
    rows = []
    for clients in CLIENTS:
        load = Load(clients, 2_000, pages_s=clients / 60)
        need = needs(load, costs)
        rows.append(
            (
                f"{clients:,}", f"{need.gateways:,}", f"{need.gateway_cores:,.1f}", need.apis,
                f"{need.client_gbit:,.1f}", f"{need.redis_gbit * 1000:,.0f}",
                f"{need.redis_cores:.2f}", f"{need.memory_gib['gateway']:.2f}",
                bottleneck(load, need),
            )
        )  # fmt: skip
    head = (
        "clients", "gateways", "their cores", "apis", "Gbit/s to clients", "Mbit/s out of Redis",
        "Redis' core", "GiB a gateway", "furthest past one host",
    )  # fmt: skip
    yield from table(head, rows)


def by_tokens(costs: Costs) -> Iterator[str]:
    """Yield the table of tokens, each read again every FRESH_S, half of them with changes."""
    allowed = sum(budget.tokens_s for budget in BUDGETS)
    rows = []
    for tokens in TOKENS:
        load = Load(10_000, tokens, readings_s=tokens / FRESH_S, changed=0.5, pages_s=170)
        groups, need = grouped(load, costs)
        memory = need.memory_gib
        rows.append(
            (
                f"{tokens:,}", f"{load.readings_s:,.0f}", _age(tokens / allowed),
                f"{groups * need.aggregator_cores:.2f}", groups, f"{need.following:.2f}",
                f"{need.redis_cores:.2f}", f"{need.redis_gbit * 1000:,.0f}",
                " / ".join(f"{memory[name]:.1f}" for name in TOKEN_OF),
                bottleneck(load, need, groups),
            )
        )  # fmt: skip
    head = (
        "tokens", "readings/s", "default budgets refresh each in", "aggregator cores",
        "groups of chains", "a reader's core", "a Redis' core", "Mbit/s out of one",
        "GiB of aggregator / api / gateway / Redis", "furthest past one",
    )  # fmt: skip
    yield from table(head, rows)


def _age(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--clients", type=int, default=500, help="of each gateway, with --check")
    parser.add_argument("--pages", type=int, default=100, help="a second of each api, with --check")
    parser.add_argument("--seconds", type=float, default=8.0)
    chosen = parser.parse_args()
    if chosen.check:
        from bench.scaled import check  # noqa: PLC0415 - starts servers

        check(chosen.clients, chosen.pages, chosen.seconds)
        return
    costs = Costs()
    print("\n".join(by_clients(costs)), end="\n\n")
    print("\n".join(by_tokens(costs)))


if __name__ == "__main__":
    main()
