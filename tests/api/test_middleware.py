"""In which order the concerns of the HTTP edge hold: who is refused, what a refusal still has."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from services.api.counts import ApiCounts
from shared.edge.http.answer import Answer, problem_answer
from shared.edge.http.middleware import edge
from shared.edge.http.problem import Problem
from shared.edge.http.visitors import Visitors
from shared.edge.rates import Costs, Rates
from tests.testkit.wait import eventually

ORIGIN = "https://app.example.org"


class Edge:
    """An app behind the middleware; `held` keeps its requests under way."""

    def __init__(self, *, requests: int = 100, inflight: int = 10) -> None:
        self.counts, self.held, self.draining = ApiCounts(), asyncio.Event(), False
        self.held.set()
        app = edge(
            self._answer,
            Visitors(rates=Rates(0.001, requests)),
            cached=lambda scope: Answer(200, b"page") if scope["query_string"] else None,
            origins=[ORIGIN],
            max_inflight=inflight,
            demo=True,
            counts=self.counts,
            draining=lambda: self.draining,
        )
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
        self.client = httpx.AsyncClient(
            transport=transport, base_url="http://api", headers={"origin": ORIGIN}
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.held.wait()
        await Answer(200, b"endpoint")(scope, receive, send)


@pytest.fixture
def full() -> Edge:
    """One that has a request under way, and room for no other."""
    made = Edge(inflight=1)
    made.held.clear()
    return made


async def test_a_refusal_may_be_read_by_other_origins_and_is_counted_by_its_code() -> None:
    at = Edge(requests=1)
    await at.client.get("/health")

    refused = await at.client.get("/health")

    assert (refused.status_code, refused.json()["code"]) == (429, "rate")
    assert refused.headers["access-control-allow-origin"] == ORIGIN
    assert refused.headers["x-dexwire-demo"] == "replayed market"
    assert at.counts.problems == {"rate": 1}
    assert {key: sum(found.counts) for key, found in at.counts.requests.items()} == {
        ("other", "2xx"): 1, ("other", "4xx"): 1,
    }  # fmt: skip


async def test_a_preflight_and_a_cached_page_count_against_the_rate_and_a_probe_does_not() -> None:
    at = Edge(requests=2)

    answers = [
        await at.client.options("/discover"),
        await at.client.get("/discover?limit=5"),
        await at.client.get("/livez"),
        await at.client.post("/ingest"),  # its key has a rate of its own
        await at.client.get("/discover?limit=5"),
    ]

    assert [answer.status_code for answer in answers] == [204, 200, 200, 200, 429]


async def test_with_too_many_under_way_only_what_needs_no_endpoint_is_answered(full: Edge) -> None:
    under_way = asyncio.create_task(full.client.get("/discover"))
    await eventually(lambda: full.counts.inflight)

    refused = await full.client.get("/discover")
    cached = await full.client.get("/discover?limit=5")
    preflight = await full.client.options("/discover")
    full.held.set()
    probe = await full.client.get("/readyz")
    first = await under_way

    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert [cached.text, preflight.status_code, probe.text] == ["page", 204, "endpoint"]
    assert (first.text, full.counts.inflight) == ("endpoint", 0)


def test_no_header_of_an_answer_ends_its_line() -> None:
    for sign in ("\r", "\n"):
        problem = Problem(400, "bad_q", "no", headers={"x-echo": f"a{sign}set-cookie: b"})
        with pytest.raises(ValueError, match="line's end"):
            _ = problem_answer(problem).head


def test_an_address_that_goes_on_asking_pays_for_its_refusals_up_to_a_minute() -> None:
    visitors = Visitors(costs=Costs(0.05, burst_s=0))
    scope = {"client": ("192.0.2.1", 1), "headers": []}
    visitors.bill(scope, 1.0)

    def refused(times: int) -> int:
        for _ in range(times):
            with pytest.raises(Problem) as raised:
                visitors.bill(scope, 1.0)
        return int(raised.value.headers["retry-after"])

    assert 19 <= refused(1) <= 20
    assert 23 <= refused(400) <= 24  # half a millisecond each, at a twentieth of a processor
    assert 60 <= refused(5_000) <= 61


async def test_while_draining_every_answer_is_the_last_of_its_connection() -> None:
    at = Edge()
    at.draining = True

    answers = [await at.client.get(path) for path in ("/discover", "/discover?limit=5", "/livez")]

    assert [answer.headers["connection"] for answer in answers] == ["close"] * 3
