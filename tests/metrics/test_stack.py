"""What a running stack exports, against what docs/METRICS.md promises."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator

import httpx
import pytest
import websockets

from dexwire.runfile import Running
from tests.testkit.metrics import Scrape, read, scrape
from tests.testkit.process import ROOT, require, run_tool
from tests.testkit.wait import eventually

METRICS_MD = ROOT / "docs" / "METRICS.md"
LABELS = {
    "code", "generation", "implementation", "kind", "le", "level", "major", "minor", "outcome",
    "patchlevel", "python", "reason", "result", "route", "service", "source", "stage", "state",
    "status", "tier", "type", "version",
}  # fmt: skip


@pytest.fixture
def ports(demo: Running, demo_metrics: dict[str, int]) -> dict[str, int]:
    """Where the services of the shared demo, which runs, show their metrics."""
    assert demo.demo
    return demo_metrics


@pytest.fixture
def scrapes(ports: dict[str, int]) -> dict[str, Scrape]:
    return {name: scrape(port) for name, port in ports.items()}


def exported(scrapes: dict[str, Scrape]) -> set[tuple[str, str, str, str]]:
    """Every family: name, type, who exports it, what it says of itself."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for service, seen in scrapes.items():
        for name, kind in seen.types.items():
            found.setdefault((name, kind, seen.helps[name]), []).append(service)
    return {
        (name, kind, "all" if len(by) == len(scrapes) else ", ".join(by), text)
        for (name, kind, text), by in found.items()
    }


def documented() -> Iterator[tuple[str, str, str, str]]:
    for line in METRICS_MD.read_text(encoding="utf-8").splitlines():
        row = re.fullmatch(r"\| `(\w+)` \| (\w+) \| ([\w, ]+) \| (.+) \|", line)
        if row:
            yield row[1], row[2], row[3], row[4]


def test_what_is_exported_is_documented_and_what_is_documented_is_exported(
    scrapes: dict[str, Scrape],
) -> None:
    listed = list(documented())

    assert sorted(listed) == sorted(exported(scrapes))
    assert len({name for name, *_ in listed}) == len(listed)


def test_names_follow_the_conventions(ports: dict[str, int]) -> None:
    promtool = require("promtool", by="deploy/ci-packages prometheus")

    for port in ports.values():
        assert run_tool([promtool, "check", "metrics"], read(port).encode()) == ""


async def test_no_label_is_a_client_s_a_producer_s_or_a_token_s(
    demo: Running, ports: dict[str, int]
) -> None:
    token = {"token_address": "MeTricsToken1111111111111111111111111111", "price": 1.5}
    post(demo, {"source": "my-secret-bot", "tokens": [token, {"token_address": ""}]})
    get(demo, "/nowhere/at-all")
    get(demo, "/tokens/solana/MeTricsToken1111111111111111111111111111")

    def shows(service: str, name: str, **labels: str) -> bool:
        return scrape(ports[service]).value(name, **labels) > 0

    await eventually(
        lambda: shows("aggregator", "dexwire_aggregator_readings_total", source="ingest"), 10
    )
    for port in ports.values():
        text = read(port)
        assert "my-secret-bot" not in text
        assert "MeTrics" not in text
        assert "127.0.0.1" not in text
        assert "nowhere" not in text
        labels = {name for s in Scrape.parse(text).samples.values() for has, _ in s for name in has}
        assert labels <= LABELS


async def test_requests_are_counted_by_route_and_outcome(
    demo: Running, ports: dict[str, int]
) -> None:
    port, count = ports["api"], "dexwire_http_request_duration_seconds_count"
    before = scrape(port)

    await eventually(lambda: get(demo, "/discover") == 200, timeout_s=20)
    for path in ("/discover?limit=101", "/tokens/solana/nobody", "/wp-login.php"):
        get(demo, path)

    def grew_by(name: str, **labels: str) -> float:
        return scrape(port).or_0(name, **labels) - before.or_0(name, **labels)

    def counted() -> bool:  # a moment after the answer
        return (
            grew_by(count, route="/discover", status="2xx") == 1
            and scrape(port).value("dexwire_http_requests_in_flight") == 0
            and grew_by(count, route="/discover", status="4xx") == 1
            and grew_by(count, route="/tokens/{chain}/{address}", status="4xx") == 1
            and grew_by(count, route="other", status="4xx") == 1
            and grew_by("dexwire_http_problems_total", code="not_found") == 1
        )

    await eventually(counted, timeout_s=10)
    pages = ("dexwire_page_cache_hits_total", "dexwire_page_cache_misses_total")
    assert sum(map(grew_by, pages)) >= 1


async def test_a_connection_its_messages_and_its_end_are_counted(
    demo: Running, ports: dict[str, int]
) -> None:
    port = ports["ws"]
    before = scrape(port)
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(f"{demo.ws}/ws", origin=websockets.Origin("https://evil.example"))
    async with websockets.connect(f"{demo.ws}/ws?topics=all", max_size=None) as stream:
        seen: set[str] = set()
        async with asyncio.timeout(20):
            while not {"snap", "d", "hb"} <= seen:
                seen.add(json.loads(await stream.recv())["t"])
        assert scrape(port).value("dexwire_ws_connections") >= 1

    def grown(name: str, **labels: str) -> bool:
        return scrape(port).or_0(name, **labels) > before.or_0(name, **labels)

    for name, labels in (
        ("dexwire_ws_connections_opened_total", {}),
        ("dexwire_ws_connections_closed_total", {"code": "peer"}),
        ("dexwire_ws_handshakes_refused_total", {"status": "403"}),
        ("dexwire_ws_messages_sent_total", {}),
        ("dexwire_ws_sent_bytes_total", {}),
        ("dexwire_ws_snapshots_total", {}),
        ("dexwire_ws_fan_out_duration_seconds_count", {}),
        ("dexwire_stage_duration_seconds_count", {"stage": "sent"}),
    ):
        await eventually(lambda: grown(name, **labels), 20)  # noqa: B023 - awaited at once


async def test_a_figure_is_timed_on_each_stage_of_its_way(ports: dict[str, int]) -> None:
    stages = {"aggregator": ("received", "committed"), "api": ("heard",), "ws": ("heard", "sent")}

    def timed() -> bool:
        return all(
            scrape(ports[service]).value("dexwire_stage_duration_seconds_count", stage=stage)
            for service, named in stages.items()
            for stage in named
        )

    await eventually(timed, timeout_s=20)


async def test_one_aggregator_is_active_and_each_source_has_answered(ports: dict[str, int]) -> None:
    def answered() -> bool:  # the demo is ready when the first of them has
        aggregator, fetcher = scrape(ports["aggregator"]), scrape(ports["fetcher"])
        return all(
            fetcher.value("dexwire_upstream_calls_total", source=source, outcome="ok")
            and aggregator.or_0("dexwire_aggregator_readings_total", source=source)
            for source in ("dexscreener", "jupiter", "geckoterminal")
        )

    await eventually(answered, timeout_s=30, every_s=0.2)
    aggregator = scrape(ports["aggregator"])
    assert aggregator.value("dexwire_aggregator_active") == 1
    assert aggregator.value("dexwire_aggregator_commits_total", outcome="fenced") == 0
    await eventually(
        lambda: (
            scrape(ports["aggregator"]).value("dexwire_aggregator_commits_total", outcome="ok") > 0
            and scrape(ports["aggregator"]).value("dexwire_store_memory_bytes") > 1_000_000
            and scrape(ports["aggregator"]).value("dexwire_store_received_bytes_total") > 10_000
            and scrape(ports["aggregator"]).value("dexwire_store_sent_bytes_total") > 10_000
            and scrape(ports["aggregator"]).value("dexwire_store_evicted_keys_total") == 0
        ),
        timeout_s=20,
    )


def get(demo: Running, path: str) -> int:
    return httpx.get(demo.api + path, timeout=10).status_code


def post(demo: Running, body: object) -> None:
    answer = httpx.post(f"{demo.api}/ingest", json=body, timeout=10)
    assert answer.status_code == 202
