"""The checks, in the order in which they are printed. Each has a figure: how much it looked at."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from dexwire.client import Client, Page, Row, Unreachable
from dexwire.client.ranking import Ranking
from dexwire.conformance.check import Check
from dexwire.conformance.follower import Follower, following, send
from dexwire.output import print_json
from dexwire.stream.messages import PROTOCOL, Err, Ok, Ping
from dexwire.stream.topics import ALERTS, ALL, WATCHLIST, chain_topic, token_topic

StoreCheck: TypeAlias = Callable[[Check, Follower], Awaitable[None]]
_LISTS: Final = (
    Ranking(sort="volume", window="5m", limit=50),
    Ranking(sort="market_cap", order="asc", limit=10),
)
_PAGES: Final = (
    Ranking(sort="volume", window="24h", limit=100),
    Ranking(sort="price_change", window="1h", order="asc", limit=100),
    Ranking(sort="liquidity", limit=100),
    Ranking(sort="newest", limit=50),
)
_WAIT_S: Final = 5.0
_BEAT_SLACK: Final = 2.0  # a heartbeat may be late by one period: machines are busy


async def conformance(
    client: Client,
    *,
    store: StoreCheck | None,
    seconds: float,
    as_json: bool = False,
) -> int:
    """Run every check, print each, return 1 when one fails. Raises Unreachable, Problem."""
    async with client:
        health = await client.health()
        page = await client.page(limit=100)
        if not as_json:
            demo = ", DEMO" if health.get("demo") else ""
            print(
                f"{client.url} and {client.ws_url}: epoch {page.epoch}, {page.total} tokens{demo}"
            )
        try:
            run = _Run(client)
            await run.talk()
            await run.follow(seconds, page, store)
        except (OSError, WebSocketException) as error:
            raise Unreachable(f"{client.ws_url} does not serve the stream: {error}") from None
    if as_json:
        print_json(msgspec.json.encode(run.checks))
    else:
        print(_report(run.checks))
    return 1 if any(check.wrong or not check.looked_at for check in run.checks) else 0


class _Run:
    """One run against one deployment; `checks` grows as it goes."""

    def __init__(self, client: Client) -> None:
        self.checks: list[Check] = []
        self._client = client
        self._numbers = itertools.count(100)

    def check(self, name: str) -> Check:
        """Add a check; one that has looked at nothing has failed."""
        self.checks.append(Check(name=name))
        return self.checks[-1]

    async def talk(self) -> None:
        """Ask right and wrong things; nothing wrong may cost the connection."""
        check = self.check("requests are answered, wrong ones refused by name")
        async with following(self._client.ws_url) as (follower, socket):
            ping = Ping(id=1, ts=int(time.time() * 1000))
            await send(socket, ping)
            answer = await follower.answer(1)
            fine = isinstance(answer, Ok) and answer.ts == ping.ts and isinstance(answer.now, int)
            check.count([] if fine else [f"a ping is answered with {answer}"])
            for text, ident, codes in (
                ('{"id":2,"op":"sub","topics":["nonsense"]}', 2, {"bad_topic"}),
                ('{"id":3,"op":"dance"}', 3, {"bad_op"}),
                ('{"id":"x","op":"sub","topics":["chain:?"]}', "x", {"bad_topic"}),
            ):
                await send(socket, text)
                refused = await follower.answer(ident)
                right = isinstance(refused, Err) and refused.code in codes
                check.count([] if right else [f"{text} is answered with {refused}"])
            hello = self.check("the hello says protocol, state and limits")
            first = follower.hello
            whole = first is not None and first.proto == PROTOCOL and bool(first.e)
            hello.count([] if whole else [f"it says {first}"])

    async def follow(self, seconds: float, page: Page, store: StoreCheck | None) -> None:
        """Follow topics of every kind, and compare them with pages, each other and the store."""
        chains = sorted({str(row.get("chain")) for row in page.tokens})
        token = token_topic(page.tokens[0]["id"]) if page.tokens else ALL
        topics = [ALL, *map(chain_topic, chains), token]
        async with following(self._client.ws_url, *topics) as (follower, socket):
            await self._lists(follower, socket)
            await self._pages(follower, seconds)
            self._agree(follower, topics)
            await self._fresh(follower)
            if store is not None:
                rows = self.check("rows equal the store's at its version")
                await store(rows, follower)
            await socket.close()
            await self._resumed(follower)
        self._frames(follower)

    async def _lists(self, follower: Follower, socket: ClientConnection) -> None:
        """Subscribe to lists, watchlist and alerts; lists must equal the whole's own ranking."""
        served = self.check("lists, watchlist and alerts are served")
        for topics in ([ranking.topic for ranking in _LISTS], [WATCHLIST], [ALERTS]):
            ident = next(self._numbers)
            names = msgspec.json.encode(topics).decode()
            await send(socket, f'{{"id":{ident},"op":"sub","topics":{names}}}')
            answer = await follower.answer(ident)
            fine = isinstance(answer, Ok)
            served.count([] if fine else [f"{', '.join(topics)}: {getattr(answer, 'msg', answer)}"])
        if not any(ranking.topic in follower.snaps for ranking in _LISTS) and served.wrong:
            return
        equal = self.check("lists equal the ranking of everything")
        await asyncio.sleep(1)
        for ranking in _LISTS:
            version = follower.rule.versions.get(ranking.topic, 0)
            await follower.until(ALL, version, _WAIT_S)
            mine = follower.state(ranking.topic, follower.rule.epoch, version)
            whole = follower.state(ALL, follower.rule.epoch, version)
            if mine is None or whole is None:
                equal.count([f"{ranking.topic} has no state at {version}"])
                continue
            wanted = [row["id"] for row in ranking.rank(whole[1].values(), 0)]
            same = list(mine[2] or ()) == wanted and all(mine[1][i] == whole[1][i] for i in wanted)
            equal.count([] if same else [f"{ranking.topic} differs at version {version}"])

    async def _pages(self, follower: Follower, seconds: float) -> None:
        """Compare pages with the stream at exactly the page's state, for the time given."""
        equal = self.check("pages equal the stream at their state")
        ends = time.monotonic() + seconds
        for ranking in itertools.cycle(_PAGES):
            windowed = ranking.topic.split(":")[2] != "-"
            page = await self._client.page(
                sort=ranking.sort,
                window=ranking.window if windowed else None,
                order=ranking.order,
                limit=ranking.limit,
            )
            equal.count(await self._page_faults(follower, ranking, page))
            if time.monotonic() > ends:
                return
            await asyncio.sleep(min(0.5, seconds / 8))

    async def _page_faults(self, follower: Follower, ranking: Ranking, page: Page) -> list[str]:
        where = f"{ranking.sort} {ranking.window} {ranking.order} at {page.epoch} {page.version}"
        if not await follower.until(ALL, page.version, _WAIT_S):
            return [f"{where}: the stream has not come to it within {_WAIT_S:g} s"]
        state = follower.state(ALL, page.epoch, page.version)
        if state is None:
            return [f"{where}: the stream is of epoch {follower.rule.epoch}"]
        ranked = ranking.rank(state[1].values(), 0)
        return _row_faults(where, page.tokens, ranked)

    def _agree(self, follower: Follower, topics: Sequence[str]) -> None:
        """Compare narrower topics with the part of the whole that they are."""
        equal = self.check("topics are parts of one state")
        epoch = follower.rule.epoch
        for topic in topics[1:]:
            version = min(follower.rule.versions.get(name, 0) for name in (ALL, topic))
            part, whole = (
                follower.state(topic, epoch, version),
                follower.state(ALL, epoch, version),
            )
            if part is None or whole is None:
                equal.count([f"{topic} was never sent"])
                continue
            kind, _, rest = topic.partition(":")
            wanted = {
                ident: row
                for ident, row in whole[1].items()
                if (row.get("chain") == rest if kind == "chain" else ident == rest)
            }
            equal.count([] if part[1] == wanted else [f"{topic} differs at version {version}"])

    async def _fresh(self, follower: Follower) -> None:
        """Compare the snapshot of a new connection with what the old one has from diffs."""
        equal = self.check("a fresh snapshot equals the diffs' result")
        async with following(self._client.ws_url, ALL) as (newcomer, _):
            if not await newcomer.until(ALL, 0, _WAIT_S):
                equal.count(["no snapshot came"])
                return
            version = newcomer.rule.versions[ALL]
            await follower.until(ALL, version, _WAIT_S)
            mine = newcomer.state(ALL, newcomer.rule.epoch, version)
            theirs = follower.state(ALL, newcomer.rule.epoch, version)
            same = mine is not None and theirs is not None and mine[1] == theirs[1]
            equal.count([] if same else [f"they differ at version {version}"])

    async def _resumed(self, follower: Follower) -> None:
        """Reconnect after a pause: everything must come as diffs, without a snapshot."""
        equal = self.check("a resumed connection goes on without a snapshot")
        await asyncio.sleep(1.5)
        async with (
            following(self._client.ws_url, before=follower) as (heir, _),
            following(self._client.ws_url, ALL) as (newcomer, _),
        ):
            await newcomer.until(ALL, 0, _WAIT_S)
            version = newcomer.rule.versions.get(ALL, 0)
            await heir.until(ALL, version, _WAIT_S)
            mine = heir.state(ALL, newcomer.rule.epoch, version)
            theirs = newcomer.state(ALL, newcomer.rule.epoch, version)
            same = mine is not None and theirs is not None and mine[1] == theirs[1]
            equal.count([] if same else [f"it differs at version {version}"])
            equal.count([f"a snapshot of {topic}" for topic in heir.snaps if topic == ALL])
            equal.count(heir.complaints)

    def _frames(self, follower: Follower) -> None:
        frames = self.check("frames are well formed and leave no gap")
        frames.looked_at = follower.frames
        for complaint in follower.complaints:
            frames.count([complaint])
        diffs = self.check("diffs come")
        diffs.looked_at = follower.diffs
        beats = self.check("heartbeats come in time")
        period_s = (follower.hello.hb_ms if follower.hello else 1000) / 1000
        for earlier, later in itertools.pairwise(follower.beats):
            late = later - earlier > _BEAT_SLACK * period_s
            beats.count([f"{later - earlier:.1f} s between two of them"] if late else [])


def _row_faults(where: str, shown: Sequence[Row], held: Sequence[Row]) -> list[str]:
    if [row["id"] for row in shown] != [row["id"] for row in held]:
        return [f"{where}: the order differs"]
    return [
        f"{where}: {page_row['id']} differs"
        for page_row, held_row in zip(shown, held, strict=True)
        if page_row != held_row
    ][:1]


def _report(checks: Sequence[Check]) -> str:
    lines = []
    for check in checks:
        verdict = f"{check.wrong} WRONG" if check.wrong else "ok"
        if not check.looked_at:
            verdict = "NOTHING TO LOOK AT"
        lines.append(f"  {check.name:<52} {check.looked_at:>7}  {verdict}")
        lines += [f"      {example}" for example in check.examples]
    failed = sum(bool(check.wrong or not check.looked_at) for check in checks)
    lines.append("conforms" if not failed else f"{failed} of {len(checks)} checks fail")
    return "\n".join(lines)
