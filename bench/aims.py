"""What the benchmarks are to reach, and the table of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple


class Aim(NamedTuple):
    """One row: the figure that a benchmark noted under `name`, and its bound."""

    bench: str
    what: str
    name: str
    sign: Literal["≥", "≤"]
    bound: float
    unit: str = ""

    def reached(self, value: float) -> bool:
        """Return whether a figure keeps within the bound."""
        return value >= self.bound if self.sign == "≥" else value <= self.bound


_TOPICS: Final = ("all", "list", "lists")
AIMS: Final = (
    Aim("aggregator", "(a) of the sequential one, 2,000 tokens", "a 2000 ratio", "≥", 10, "x"),
    Aim("aggregator", "(a) of the sequential one, 20,000 tokens", "a 20000 ratio", "≥", 10, "x"),
    Aim("aggregator", "(a) of the sequential one, 100,000 tokens", "a 100000 ratio", "≥", 10, "x"),
    Aim("aggregator", "(d) nothing changes, 2,000 tokens", "d 2000 rate", "≥", 50_000, "/s"),
    Aim("aggregator", "(d) nothing changes, 20,000 tokens", "d 20000 rate", "≥", 50_000, "/s"),
    Aim("aggregator", "(a) a reading at 20,000 of one at 2,000", "a 20000 cost", "≤", 1.3, "x"),
    Aim("aggregator", "(a) a reading at 100,000 of one at 2,000", "a 100000 cost", "≤", 1.3, "x"),
    Aim("aggregator", "memory a token, one source, 20,000", "a 20000 kib", "≤", 4, "KiB"),
    Aim("aggregator", "memory a token, one source, 100,000", "a 100000 kib", "≤", 4, "KiB"),
    *(
        aim
        for tokens in (2_000, 20_000)
        for aim in (
            Aim("discover", f"calm, of bare, {tokens:,} tokens",
                f"{tokens} calm page rate", "≥", 1.0, "x"),
            Aim("discover", f"market, of bare, {tokens:,} tokens",
                f"{tokens} market page rate", "≥", 0.95, "x"),
            Aim("discover", f"market, p99 of bare's, {tokens:,} tokens",
                f"{tokens} market page p99", "≤", 2, "x"),
            Aim("discover", f"uncached, of the sequential route, {tokens:,} tokens",
                f"{tokens} calm cursors sequential", "≥", 2, "x"),
        )
    ),
    Aim("filters", "filtered at 10,000 tokens, p99", "discover p99", "≤", 5, "ms"),
    Aim("filters", "search at 10,000 tokens, p99", "search p99", "≤", 5, "ms"),
    *(Aim("fanout", f"a write of the kernel's send, {topic}, 5,000 connections",
          f"{topic} 5000 send", "≤", 1.3, "x") for topic in _TOPICS),
    Aim("fanout", "a write of the kernel's send, all, 15,000 connections",
        "all 15000 send", "≤", 1.3, "x"),
    Aim("fanout", "connections lost of 15,000", "all 15000 lost", "≤", 0),
    *(Aim("fanout", f"p99 from the commit, {topic}, 5,000 connections",
          f"{topic} 5000 p99", "≤", 60, "ms") for topic in (*_TOPICS, "watchlists")),
    *(Aim("fanout", f"memory a connection, all, {count:,}",
          f"all {count} kib", "≤", 8, "KiB") for count in (5_000, 15_000)),
    Aim("latency", "p99 over the window at 1,000 readings/s", "1000 over", "≤", 20, "ms"),
    *(
        Aim("memory", f"{service} at {tokens:,} tokens", f"{tokens} {service}", "≤", most, "MiB")
        for tokens in (20_000, 100_000)
        for service, most in (("aggregator", 800), ("api", 400), ("ws", 400))
    ),
    *(Aim("memory", f"{service} after 10 minutes of before", f"{service} growth", "≤", 1.1, "x")
      for service in ("aggregator", "api", "ws")),
    Aim("ingest", "batches of 100 with ack=commit", "100 ack", "≥", 5_000, "tokens/s"),
    Aim("browser", "first rows", "rows", "≤", 1.0, "s"),
    Aim("browser", "frames a second, best pass", "fps", "≥", 55, "fps"),
    Aim("cold", "make demo to the first page", "demo", "≤", 3, "s"),
    *(Aim("cold", f"{service} to ready", service, "≤", 0.7, "s")
      for service in ("aggregator", "api", "ws")),
    Aim("scaling", "CPU of 4 gateways, 2 apis and all of predicted", "all", "≤", 1.3, "x"),
)  # fmt: skip


def table(figures: Mapping[str, float], ended: Mapping[str, int]) -> Iterator[str]:
    """Yield the rows of the benchmarks that ran, in Markdown.

    `figures`: by `<bench> <name>`. `ended`: the exit code of each benchmark that ran.
    """
    yield "| bench | figure | aim | measured | |"
    yield "| --- | --- | --- | --- | --- |"
    for aim in AIMS:
        value = figures.get(f"{aim.bench} {aim.name}")
        if aim.bench not in ended or (value is None and not ended[aim.bench]):
            continue  # not of this run
        bound = f"{aim.sign} {_shown(aim.bound)} {aim.unit}".rstrip()
        if value is None:
            yield f"| {aim.bench} | {aim.what} | {bound} | | failed |"
            continue
        verdict = "reached" if aim.reached(value) else "**short**"
        shown = f"{_shown(value)} {aim.unit}".rstrip()
        yield f"| {aim.bench} | {aim.what} | {bound} | {shown} | {verdict} |"


def _shown(value: float) -> str:
    if value == int(value) or value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
