"""Reads the store directly: the log, the channel, rows, times to live."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import threading
from typing import Any, Final

import redis
from redis.exceptions import RedisError

from shared.keys import Keys
from shared.redis.connect import open_redis
from tests.chaos.findings import Findings
from tests.chaos.history import History, State
from tests.chaos.pending import Pending

_LOOK_S: Final = 0.5
_AGAIN_S: Final = 0.05
_BATCH: Final = 500
_SAMPLE: Final = 25  # rows that are compared with the history in one transaction
_COMPARE_S: Final = 2.0
# Keys that expire (docs/DATA.md): each has a time to live.
_EXPIRING: Final = re.compile(
    r"ingest:(seen|rate):|view:|aggregator:lease|state:reverted|fetch:(job|bucket|hold):"
)


class _Channel:
    """Takes messages off a channel in a thread of its own, into a queue of the loop that made it.

    What a killed store has sent and nobody has taken goes with it, while the clients of a gateway
    have heard it; the loop may be busy with them for seconds. None says that the channel is
    subscribed, and later that nothing came for a while; an error ends it.
    """

    def __init__(
        self, url: str, name: str, received: asyncio.Queue[bytes | Exception | None]
    ) -> None:
        self._url, self._name, self._received = url, name, received
        self._loop = asyncio.get_running_loop()
        self._closed = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        """End the thread soon; it is not waited for."""
        self._closed.set()

    def _run(self) -> None:
        try:
            with (
                redis.Redis.from_url(self._url, socket_timeout=5) as client,
                client.pubsub() as channel,
            ):
                channel.subscribe(self._name)
                while not self._closed.is_set():
                    message = channel.get_message(timeout=_LOOK_S)
                    is_data = message is not None and message["type"] == "message"
                    self._put(message["data"] if is_data else None)
        except (RedisError, OSError) as error:
            self._put(error)

    def _put(self, data: bytes | Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._received.put_nowait, data)


class Recorder:
    """Feeds the history, and holds the store itself to it."""

    def __init__(
        self, url: str, prefix: str, history: History, findings: Findings, pending: Pending
    ) -> None:
        self._url, self.keys = url, Keys(prefix)
        self._history, self._findings, self._pending = history, findings, pending
        self._logged: dict[str, int] = {}
        self._cursor = 0  # of a scan that goes round and round

    async def run(self) -> None:
        """Follow for ever; cancel it to end."""
        while True:
            client: Any = open_redis(self._url, timeout_s=5)
            try:
                await self._follow(client)
            except (RedisError, OSError):
                await asyncio.sleep(_AGAIN_S)
            finally:
                await client.aclose()

    async def _follow(self, client: Any) -> None:  # noqa: ANN401 - redis-py's types
        received: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        channel = _Channel(self._url, self.keys.state_changes, received)
        try:
            while True:
                data = await received.get()
                if isinstance(data, Exception):
                    raise data
                if data is None or not self._history.take(data):
                    await self._read_log(client)
        finally:
            channel.close()

    async def _read_log(self, client: Any) -> None:  # noqa: ANN401 - redis-py's types
        """Take what was logged since the last look: versions without a hole."""
        while True:
            epoch = (await client.hget(self.keys.meta, "epoch") or b"").decode()
            after = self._logged.get(epoch, 0)
            pipe = client.pipeline(transaction=True)
            pipe.hget(self.keys.meta, "epoch")
            pipe.xrange(self.keys.log, f"({after}-0", "+", count=_BATCH)
            again, entries = await pipe.execute()
            if (again or b"").decode() != epoch or not epoch:
                return
            for ident, entry in entries:
                version = int(ident.partition(b"-")[0])
                if version != after + 1:
                    detail = f"{epoch}: {version} follows {after}"
                    self._findings.wrong("the log has every version", detail)
                after = self._logged[epoch] = version
                self._findings.count("commits read from state:log")
                self._history.take(entry[b"m"])
            if len(entries) < _BATCH:
                return

    async def compare(self) -> None:
        """Compare stored rows with the history, for ever."""
        dice = random.Random(1)
        client: Any = open_redis(self._url, timeout_s=5)
        try:
            while True:
                await asyncio.sleep(_COMPARE_S)
                with contextlib.suppress(RedisError, OSError):
                    await self._compare_rows(client, dice)
                    await self._check_expiry(client)
        finally:
            await client.aclose()

    async def _compare_rows(self, client: Any, dice: random.Random) -> None:  # noqa: ANN401
        now = self._history.now
        if now is None:
            return
        known = [*now.rows, *now.commit.get("del", ())]
        idents = dice.sample(known, min(_SAMPLE, len(known)))
        pipe = client.pipeline(transaction=True)
        pipe.hmget(self.keys.meta, ["epoch", "version", "digest", "tokens"])
        for ident in idents:
            pipe.hgetall(self.keys.token(ident))
        (epoch, version, digest, tokens), *rows = await pipe.execute()
        if epoch is None:
            return
        held = {
            i: {k.decode(): v for k, v in row.items()} for i, row in zip(idents, rows, strict=True)
        }
        reported = (digest.decode(), int(tokens))
        self._pending.add(
            epoch.decode(), int(version), lambda state: self._judge_rows(state, held, reported)
        )

    def _judge_rows(
        self, state: State, held: dict[str, dict[str, bytes]], reported: tuple[str, int]
    ) -> None:
        self._findings.count("stored rows", len(held))
        at = f"{state.epoch} {state.version}"
        if reported != (state.commit["digest"], len(state.rows)):
            self._findings.wrong("state:meta says what was committed", f"{at}: {reported}")
        for ident, fields in held.items():
            true = state.rows[ident].fields if ident in state.rows else {}
            if fields != true and not self._is_left(state, ident, fields):
                odd = sorted(
                    name for name in {*fields, *true} if fields.get(name) != true.get(name)
                )
                shown = {name: (fields.get(name), true.get(name)) for name in odd[:3]}
                self._findings.wrong(
                    "the store holds what was committed",
                    f"{at}: {ident}, {len(odd)} fields, stored and committed: {shown}",
                )

    def _is_left(self, state: State, ident: str, fields: dict[str, bytes]) -> bool:
        """Whether it is a row of an epoch before, which one that is being written has not reached.

        Such rows stay until each is written again, or removed with the end of the first window.
        """
        if not state.commit.get("seeding") or ident in state.rows:
            return False
        others = (s for s in self._history.states.values() if s.epoch != state.epoch)
        left = any(ident in s.rows and s.rows[ident].fields == fields for s in others)
        self._findings.count("rows left by the epoch before", int(left))
        return left

    async def _check_expiry(self, client: Any) -> None:  # noqa: ANN401 - redis-py's types
        self._cursor, found = await client.scan(
            self._cursor, match=f"{self.keys.prefix}*", count=400
        )
        names = [key.decode() for key in found]
        for key in [n for n in names if _EXPIRING.match(n.removeprefix(self.keys.prefix))]:
            self._findings.count("keys that expire")
            if await client.pttl(key) == -1:  # -2: it has expired meanwhile
                self._findings.wrong("every key that should expire has a time to live", key)
