"""Users of the deployment, through its one port: readers of pages, producers, stream clients."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple, Self

import httpx
import msgspec

from tests.deployment.witness import Witness
from tests.testkit.producer import Producer
from tests.testkit.reference_client import LiveClient, ReferenceClient

READERS: Final = 4
PRODUCERS: Final = 2
CLIENTS: Final = 12
_PAUSE_S: Final = 0.1  # of a reader or producer between two requests
_JUDGED_S: Final = 1.0
_BEHIND: Final = 15  # versions; three seconds
_DIED: Final = 5  # commits that a killed store may have sent to everybody but the witness
LIMIT: Final = 100
# sort, window, order, chain
RANKINGS: Final = (
    ("volume", "5m", "desc", "*"),
    ("price_change", "1h", "asc", "*"),
    ("liquidity", "-", "desc", "solana"),
    ("newest", "-", "desc", "*"),
    ("transactions", "24h", "desc", "*"),
)
TOPICS: Final = (
    ["all"],
    ["chain:solana", "list:volume:5m:desc:*:100"],
    ["list:price_change:1h:asc:*:50", "list:newest:-:desc:*:25"],
)


class Span:
    """The longest time without something, since it was last read."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.longest = 0.0

    def beat(self) -> None:
        """It has come."""
        now = time.monotonic()
        self.longest, self.last = max(self.longest, now - self.last), now

    def take(self) -> float:
        """Return the longest time, the one under way included, and start over."""
        now = time.monotonic()
        found = max(self.longest, now - self.last)
        self.longest, self.last = 0.0, now
        return found


class Shown(NamedTuple):
    """A page, until it is judged."""

    topic: str
    epoch: str
    version: int
    tokens: list[dict[str, Any]]


class Seen(NamedTuple):
    """What the load met in a span of time."""

    requests: int
    failed: Counter[str]  # what was answered instead, by kind
    repeated: Counter[str]  # posts that needed a second try, by what the first one got
    pages: int  # judged
    unjudged: int  # pages of states that the witness has not come to
    died: int  # pages of the last states of a store that was killed, unknown to the witness
    states: int  # of stream clients, judged
    wrong: list[str]
    pages_s: float  # the longest that a reader waited for a page
    posts_s: float  # … a producer for an acknowledgement
    commits_s: float  # … the store for a commit
    streams_s: float  # … a stream client for any frame


class Load:
    """Everybody at once while the context lasts; `take` returns what was met since."""

    def __init__(self, url: str, key: str, witness: Witness) -> None:
        self.witness = witness
        self.producers: list[Producer] = []
        self.clients: list[LiveClient] = []
        self._url, self._key = url, key
        self._spans = {"pages": Span(), "posts": Span(), "commits": Span()}
        self._quiet: list[Span] = []
        self._requests, self._failed = 0, Counter[str]()
        self._pages = self._states = self._died = 0
        self._shown: list[Shown] = []
        self.wrong: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Run it all; what one of them raises is raised here."""
        limits = httpx.Limits(max_keepalive_connections=READERS + PRODUCERS)
        async with (
            httpx.AsyncClient(base_url=self._url, timeout=15, limits=limits) as http,
            AsyncExitStack() as ending,
        ):
            jobs = [self._read(http, n) for n in range(READERS)]
            for number in range(PRODUCERS):
                producer = Producer(
                    http, f"P{number}x", key=self._key, pause_s=_PAUSE_S, repeats=True
                )
                producer.on_answer = self._posted
                self.producers.append(producer)
                jobs.append(producer.run())
            jobs += [self._client(number).run() for number in range(CLIENTS)]
            jobs += [self._judge(), self._watch_commits()]
            tasks = [asyncio.create_task(job) for job in jobs]

            async def end() -> None:
                for task in tasks:
                    task.cancel()
                for found in await asyncio.gather(*tasks, return_exceptions=True):
                    if isinstance(found, Exception):
                        raise found

            ending.push_async_callback(end)
            yield self

    def take(self) -> Seen:
        """Return what was met since the last call."""
        seen = Seen(
            requests=self._requests,
            failed=self._failed,
            repeated=sum((each.repeated for each in self.producers), Counter()),
            pages=self._pages,
            unjudged=len(self._shown),
            died=self._died,
            states=self._states,
            wrong=[*self.wrong, *self.witness.wrong],
            pages_s=self._spans["pages"].take(),
            posts_s=self._spans["posts"].take(),
            commits_s=self._spans["commits"].take(),
            streams_s=max(span.take() for span in self._quiet),
        )
        self._requests, self._failed = 0, Counter()
        for each in self.producers:
            each.repeated = Counter()
        self._pages = self._states = self._died = 0
        self.wrong, self.witness.wrong = [], []
        return seen

    # -- who asks ---------------------------------------------------------------------------------
    async def _read(self, http: httpx.AsyncClient, number: int) -> None:
        for sort, window, order, chain in itertools.cycle(RANKINGS[number:] + RANKINGS[:number]):
            query: dict[str, str | int] = {"sort": sort, "order": order, "limit": LIMIT}
            if window != "-":
                query["window"] = window
            if chain != "*":
                query["chain"] = chain
            try:
                answer = await http.get("/discover", params=query)
            except httpx.HTTPError as error:
                self._answered(f"GET {type(error).__name__} {error}".rstrip(), "pages")
            else:
                fine = answer.status_code == 200
                self._answered("" if fine else f"GET {_kind(answer)}", "pages")
                if fine:
                    page_body = msgspec.json.decode(answer.content)
                    topic = f"list:{sort}:{window}:{order}:{chain}:{LIMIT}"
                    page = Shown(
                        topic, page_body["epoch"], page_body["version"], page_body["tokens"]
                    )
                    self._shown.append(page)
            await asyncio.sleep(_PAUSE_S)

    def _posted(self, failure: str) -> None:
        self._answered(f"POST {failure}" if failure else "", "posts")

    def _answered(self, failure: str, what: str) -> None:
        """Count a request; `failure` is empty when it got what it wanted."""
        self._requests += 1
        if failure:
            self._failed[failure] += 1
        else:
            self._spans[what].beat()

    def _client(self, number: int) -> LiveClient:
        quiet = Span()
        self._quiet.append(quiet)
        stream = f"{self._url.replace('http', 'ws', 1)}/ws"
        topics = list(TOPICS[number % len(TOPICS)])
        client = LiveClient([stream], topics, check=lambda _: quiet.beat())
        self.clients.append(client)
        return client

    # -- who judges -------------------------------------------------------------------------------
    async def _watch_commits(self) -> None:
        seen = self.witness.commits
        while True:
            if self.witness.commits != seen:
                seen = self.witness.commits
                self._spans["commits"].beat()
            await asyncio.sleep(0.02)

    async def _judge(self) -> None:
        while True:
            await asyncio.sleep(_JUDGED_S)
            self.judge_pages()
            for client in self.clients:
                self._judge_client(client.state)
                await asyncio.sleep(0)

    def judge_pages(self) -> None:
        """Compare the pages that came with the states that they say they are of."""
        shown, self._shown = self._shown, []
        for page in shown:
            if not self.witness.knows(page.epoch, page.version):
                if not self.witness.is_beyond(page.epoch, page.version):
                    self._shown.append(page)  # it will come to that
                elif page.version - self.witness.epochs[page.epoch] in range(1, _DIED + 1):
                    self._died += 1
                elif page.epoch != self.witness.at[0]:
                    state = f"{page.epoch} {page.version}"
                    self.wrong.append(f"a page of {state}, which the store never was")
                continue
            self._pages += 1
            truth = self.witness.ledger.topic(page.topic, page.epoch, page.version)
            if list(truth.values()) != page.tokens:
                self.wrong.append(f"a page of {page.topic} at {page.epoch} {page.version}")

    def is_equal(self, state: ReferenceClient) -> bool:
        """Whether a client holds what the store holds, or held a moment ago."""
        epoch, version = self.witness.at
        oldest = min(state.versions.values(), default=-1)
        if state.epoch != epoch or oldest < version - _BEHIND:
            return False
        return all(self._holds_truth(state, topic) for topic in state.versions)

    def _holds_truth(self, state: ReferenceClient, topic: str) -> bool:
        version = state.versions[topic]
        if not self.witness.knows(state.epoch, version):
            return False
        truth = self.witness.ledger.topic(topic, state.epoch, version)
        in_order = not topic.startswith("list:") or state.ids[topic] == list(truth)
        return in_order and state.rows[topic] == truth

    def _judge_client(self, state: ReferenceClient) -> None:
        for topic, version in state.versions.items():
            if not self.witness.knows(state.epoch, version):
                continue  # the client is ahead of the witness by a commit; next time
            self._states += 1
            if not self._holds_truth(state, topic):
                self.wrong.append(f"a client's {topic} at {state.epoch} {version}")


def _kind(answer: httpx.Response) -> str:
    try:
        return f"{answer.status_code} {answer.json()['code']}"
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)
