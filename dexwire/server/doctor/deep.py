"""Sends a canary token through a live deployment and looks for it wherever tokens come out.

Each step is one result: the hop that lost the canary is the first that fails. The canary is of a
chain of its own, which no source knows, with no volume: it ranks last, raises no alert, and no
source is called for it. At the end its values are taken back, so that the aggregator removes it.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from dexwire.client import Client, ClientError, Problem, Receipt
from dexwire.conformance.follower import Follower, following, send
from dexwire.server.doctor.result import Result, fail, ok, warn
from dexwire.stream.messages import Err, Ok, Request, Sub, Watch
from dexwire.stream.topics import ALERTS, WATCHLIST, chain_topic

CHAIN: Final = "dexwire-canary"
_SOURCE: Final = "doctor"
_FOUND_S: Final = 3.0  # readers are some milliseconds behind a commit
_SILENT_MS: Final = 120_000  # PRICE_STALE_S: by then every price is stale
_EMPTY: Final[Mapping[str, None]] = dict.fromkeys(("token_name", "volume_24h", "created_ms"))
_NO_AGGREGATOR: Final = "start `dexwire aggregator`; with the api's REDIS_URL and REDIS_PREFIX?"
# Where it was lost, by the code of the api's answer, and what to do.
_HOPS: Final = {
    "unauthorized": ("api", "give a key of INGEST_API_KEYS with --key-file"),
    "forbidden": ("api", "give a key of INGEST_API_KEYS with --key-file"),
    "no_consumer": ("aggregator: none is active", _NO_AGGREGATOR),
    "outcome_unknown": ("aggregator: no commit came", "see the log of the aggregator"),
    "storage_unavailable": ("redis", "is Redis up, and reachable from the api?"),
    "storage_full": ("redis", "raise maxmemory"),
    "warming": ("aggregator: the list is being built up", "wait; then see its log"),
    "rate": ("api", "wait; this key or address has used its rate up"),
}


class _Lost(Exception):
    """The canary was not found."""


class Canary:
    """One token and what is known of its last commit."""

    def __init__(self) -> None:
        self.address = f"canary-{secrets.token_hex(4)}"
        self.token_id = f"{CHAIN}:{self.address}"
        self.name = ""
        self.epoch, self.version = "", 0

    def fields(self) -> dict[str, object]:
        """Return a reading that is like no other before."""
        self.name = f"canary {secrets.token_hex(6)}"
        at_ms = int(time.time() * 1000)
        return {"token_name": self.name, "volume_24h": 0, "created_ms": at_ms - 60_000}

    def is_in(self, row: Mapping[str, Any] | None) -> bool:
        """Return whether a row has the name that was committed last."""
        return row is not None and row.get("token_name") == self.name


async def deep(client: Client, key: str | None) -> AsyncIterator[Result]:
    """Make every step; those after a lost hop are left out where they could say nothing."""
    canary = Canary()
    alive, result = await _health(client)
    yield result
    posted = alive and await _step("deep post", lambda: _post(client, key, canary), "aggregator")
    if posted:
        yield posted
    there = isinstance(posted, Result) and posted.verdict == "ok"
    if there:
        for name, look in (
            ("deep token", lambda: _token(client, canary)),
            ("deep page", lambda: _page(client, canary)),
            ("deep search", lambda: _search(client, canary)),
        ):
            yield await _step(name, look, "api")
    async for result in _stream(client, key, canary if there else None):
        yield result
    if there:
        yield await _step("deep clean-up", lambda: _take_back(client, key, canary), "aggregator")


async def _step(name: str, take: Callable[[], Awaitable[str]], silent: str) -> Result:
    """Take one step; return what it saw, with its time, or where the canary was lost.

    `silent`: where it was lost when nothing is answered at all.
    """
    started = time.monotonic()
    try:
        async with asyncio.timeout(3 * _FOUND_S):
            seen = await take()
    except Problem as problem:
        hop, fix = _HOPS.get(problem.code, ("api", "see the log of the api"))
        return fail(name, f"lost at {hop}: {problem}", fix)
    except _Lost as lost:
        return fail(name, f"lost at {lost}", "see its log; docs/OPERATIONS.md, by what you see")
    except ClientError as error:
        return fail(name, f"lost at api: {error}", "is it running, and reachable from here?")
    except (OSError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        return fail(name, f"lost at {silent}: {reason}"[:200], f"see the log of the {silent}")
    return ok(name, f"{seen}, {(time.monotonic() - started) * 1000:.0f} ms")


async def _until(found: Callable[[], Awaitable[bool]], hop: str, where: str) -> str:
    """Look again and again for a moment. Raises _Lost with the hop."""
    deadline = time.monotonic() + _FOUND_S
    while not await found():
        if time.monotonic() > deadline:
            raise _Lost(f"{hop}: committed, but not {where}")
        await asyncio.sleep(0.05)
    return where


# -- over HTTP -------------------------------------------------------------------------------------
async def _health(client: Client) -> tuple[bool, Result]:
    """Say whether an api answers at all, and whether fetchers bring anything."""
    started = time.monotonic()
    try:
        health = await client.health()
    except ClientError as error:
        fix = "is the api running, and is --url its address?"
        return False, fail("deep health", f"lost at api: {error}", fix)
    took = f"{(time.monotonic() - started) * 1000:.0f} ms"
    if health.get("status") == "down":
        fix = "is Redis up, and reachable from the api?"
        return True, fail("deep health", f"lost at redis: {health.get('redis')}", fix)
    sources = {n: s for n, s in health.get("sources", {}).items() if s.get("state") != "off"}
    ages = [s["age_ms"] for s in sources.values() if "age_ms" in s]
    if not sources:
        return True, warn("deep health", f"{took}; every source is off", "<NAME>_ENABLED")
    if not ages or min(ages) > _SILENT_MS:
        silent = f"for {min(ages) / 1000:.0f} s" if ages else "yet"
        fix = "start `dexwire fetcher`; `dexwire doctor --upstream` where it runs"
        return True, fail("deep health", f"lost at fetcher: no source has answered {silent}", fix)
    return True, ok("deep health", f"{health['status']}, {len(ages)} sources answer, {took}")


async def _post(client: Client, key: str | None, canary: Canary) -> str:
    receipt = await _send(client, key, canary, canary.fields())
    return f"committed as version {receipt.version}"


async def _send(
    client: Client, key: str | None, canary: Canary, fields: Mapping[str, object]
) -> Receipt:
    token = {"chain": CHAIN, "token_address": canary.address, **fields}
    receipt = await client.ingest(
        [token], source=_SOURCE, key=key, ack="commit", idempotency_key=secrets.token_hex(8)
    )
    if receipt.rejected:
        refused = receipt.rejected[0]
        raise _Lost(f"aggregator: it was not taken: {refused.code} {refused.detail}".rstrip())
    canary.epoch, canary.version = receipt.epoch or "", receipt.version or 0
    return receipt


async def _token(client: Client, canary: Canary) -> str:
    async def found() -> bool:
        try:
            answer = await client.token(CHAIN, canary.address)
        except Problem as problem:
            if problem.status == 404:
                return False
            raise
        return canary.is_in(answer.get("token", answer))

    return await _until(found, "api", "at /tokens")


async def _page(client: Client, canary: Canary) -> str:
    async def found() -> bool:
        page = await client.page(chain=CHAIN, sort="newest", limit=100)
        return any(canary.is_in(row) for row in page.tokens)

    return await _until(found, "api", "at /discover")


async def _search(client: Client, canary: Canary) -> str:
    async def found() -> bool:
        return any(canary.is_in(row) for row in await client.search(canary.name))

    return await _until(found, "api", "at /search")


async def _take_back(client: Client, key: str | None, canary: Canary) -> str:
    await _send(client, key, canary, _EMPTY)
    return "its values are taken back"


# -- over the stream -------------------------------------------------------------------------------
async def _stream(client: Client, key: str | None, canary: Canary | None) -> AsyncIterator[Result]:
    """Look for the canary on one connection; without one, whether the gateway serves."""
    started = time.monotonic()
    try:
        async with following(client.ws_url) as (follower, socket):
            talk = _Talk(client, key, follower, socket)
            yield await _step("deep stream", lambda: talk.greeted(started), "gateway")
            if canary is not None:
                yield await _step("deep snapshot", lambda: talk.snapshot(canary), "gateway")
                yield await _step("deep watch list", lambda: talk.watched(canary), "gateway")
                yield await _step("deep diff", lambda: talk.diff(canary), "gateway")
            yield await _step("deep alerts", talk.alerts, "gateway")
    except (OSError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        fix = f"is `dexwire ws` running, and is {client.ws_url} its address (--ws-url)?"
        yield fail("deep stream", f"lost at gateway: {reason}"[:200], fix)


class _Talk:
    """One connection to the gateway."""

    def __init__(
        self, client: Client, key: str | None, follower: Follower, socket: ClientConnection
    ) -> None:
        self._client, self._key = client, key
        self._follower, self._socket = follower, socket
        self._numbers = itertools.count(1)

    async def greeted(self, started: float) -> str:
        while self._follower.hello is None:
            if time.monotonic() > started + _FOUND_S:
                raise _Lost("gateway: no hello came")
            await asyncio.sleep(0.01)
        return f"the gateway is at version {self._follower.hello.v}"

    async def snapshot(self, canary: Canary) -> str:
        await self._request(Sub(id=next(self._numbers), topics=[chain_topic(CHAIN)]))
        return await self._shown(canary, chain_topic(CHAIN), "in a snapshot")

    async def watched(self, canary: Canary) -> str:
        await self._request(Watch(id=next(self._numbers), ids=[canary.token_id]))
        await self._request(Sub(id=next(self._numbers), topics=[WATCHLIST]))
        return await self._shown(canary, WATCHLIST, "in a watch list")

    async def diff(self, canary: Canary) -> str:
        await _send(self._client, self._key, canary, canary.fields())
        return await self._shown(canary, chain_topic(CHAIN), "in a diff")

    async def alerts(self) -> str:
        await self._request(Sub(id=next(self._numbers), topics=[ALERTS]))
        return "alerts are served"

    async def _request(self, request: Request) -> None:
        await send(self._socket, request)
        assert isinstance(request.id, int)  # noqa: S101 - every request here has a number
        answer = await self._follower.answer(request.id, _FOUND_S)
        if not isinstance(answer, Ok):
            answered = f"{answer.code} {answer.msg}" if isinstance(answer, Err) else "nothing"
            raise _Lost(f"gateway: it answers {answered}")

    async def _shown(self, canary: Canary, topic: str, where: str) -> str:
        came = await self._follower.until(topic, canary.version, _FOUND_S)
        state, rule = self._follower.newest(topic), self._follower.rule
        if state is None or not came or rule.epoch != canary.epoch:
            held = f"{rule.versions.get(topic)} of {rule.epoch or 'no epoch'}"
            wanted = f"{canary.version} of {canary.epoch}"
            raise _Lost(f"gateway: version {wanted} never came {where}; it is at {held}")
        if not canary.is_in(state[1].get(canary.token_id)):
            raise _Lost(f"gateway: committed, but not {where}")
        return where
