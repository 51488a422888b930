"""The stream's shell: one connection that is kept for ever, its events put into a sink.

Everything that is decided is decided elsewhere: what a frame means in `rule`, when to come back in
`retry`, what waits for a slow consumer in `buffer`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)
from websockets.typing import Subprotocol

from dexwire.client import retry
from dexwire.client.buffer import EventSink
from dexwire.client.errors import Malformed, Refused
from dexwire.client.events import Event, Gap, State, Status
from dexwire.client.frames import decode, encode
from dexwire.client.proxies import is_here, through, unusable
from dexwire.client.rule import Rule
from dexwire.stream.closing import is_final
from dexwire.stream.limits import IN_BYTES
from dexwire.stream.messages import (
    PROTOCOL,
    SUBPROTOCOL,
    Beat,
    Bye,
    Delta,
    Err,
    Frame,
    Hello,
    Ident,
    Ok,
    Ping,
    RateLimit,
    Request,
    Snap,
    Sub,
    Unsub,
    Watch,
)
from dexwire.stream.topics import WATCHLIST

OPEN_S: Final = 5.0
PING_EVERY_S: Final = 10.0
MESSAGE_MAX: Final = 8 << 20  # bytes; the gateway splits at PART_BYTES
_WATCH_BYTES: Final = IN_BYTES * 3 // 4  # of the ids in one message


@dataclass(slots=True)
class Subscription:
    """What one stream is about."""

    topics: tuple[str, ...]
    watch: list[str] = field(default_factory=list)
    max_hz: float | None = None


class _Again(Exception):
    """This connection has to be given up; another one may do."""


class StreamConnection:
    """Follows topics until it is cancelled; raises Refused when that is pointless."""

    def __init__(
        self,
        url: str,
        subscription: Subscription,
        sink: EventSink,
        notify: Callable[[], None],
        *,
        open_s: float,
    ) -> None:
        """`notify` is called whenever something was put into the sink."""
        self.state = State(status="connecting")
        self.connects = 0
        self._url = url
        self._subscription = subscription
        self._sink = sink
        self._notify = notify
        self._open_s = open_s
        self._rule = Rule()
        self._backoff = retry.Backoff()
        self._silent = 0  # connections in a row that ended in silence
        self._socket: ClientConnection | None = None
        self._ident = 0
        self._pending: dict[Ident, Request] = {}  # what was not answered yet
        self._pinged_s = 0.0
        self._offset_ms: float | None = None  # the server's clock minus ours

    async def run(self) -> None:
        """Connect, follow, come back. Raises Refused."""
        self._report(status="connecting")
        while True:
            started = time.monotonic()
            try:
                await self._once()
                error = "closed"
            except _Again as again:
                error = str(again)
            except Malformed as malformed:
                error = str(malformed)
            except ConnectionClosed as closed:
                error = _closing(closed)
            except InvalidStatus as answer:
                error = self._on_status(answer)
            except InvalidURI as wrong:
                raise Refused("bad_url", str(wrong)) from None
            except TimeoutError:
                error = "no answer"
            except (ImportError, InvalidProxy) as wrong:
                raise Refused("bad_proxy", unusable(self._url, os.environ, wrong)) from None
            except (OSError, InvalidHandshake, EOFError) as failed:
                why = str(failed) or type(failed).__name__
                error = f"{why}{through(self._url, os.environ)}"
            self._backoff.lasted(time.monotonic() - started)
            self._report(status="offline", error=error)
            await asyncio.sleep(self._backoff.next_s())

    async def watch(self, ids: Iterable[str], *, mode: str) -> None:
        """Change the watchlist here and, when connected, there."""
        given = list(dict.fromkeys(ids))
        held = self._subscription.watch
        if mode == "set":
            held[:] = given
        elif mode == "add":
            held += [ident for ident in given if ident not in held]
        elif mode == "remove":
            held[:] = [ident for ident in held if ident not in given]
        else:
            raise ValueError(f"mode must be set, add or remove, not {mode!r}")
        self._rule.forget(WATCHLIST)  # its version is of the old list
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):  # the next connection sends it all again
                await self._send(*self._watch_requests())

    # -- one connection ---------------------------------------------------------------------------
    async def _once(self) -> None:
        async with connect(
            self._url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            proxy=None if is_here(self._url) else True,
            max_size=MESSAGE_MAX,
            ping_interval=None,  # silence is noticed by the heartbeats
            open_timeout=self._open_s,
            close_timeout=1,
        ) as socket:
            self._socket = socket
            self.connects += 1
            self._pending.clear()
            self._rule.connected()
            try:
                await self._follow(socket)
            finally:
                self._socket = None

    async def _follow(self, socket: ClientConnection) -> None:
        hello = await self._receive(socket, self._open_s)
        if not isinstance(hello, Hello):
            raise Malformed("the first message is no hello")
        if hello.proto != PROTOCOL:
            raise Refused(
                "unsupported", f"the server speaks protocol {hello.proto}, not {PROTOCOL}"
            )
        status: Status = hello.st or ("live" if hello.e else "resync")
        self._report(status=status, epoch=hello.e, version=hello.v)
        await self._send(*self._opening())
        patience_s = retry.silence_s(hello.hb_ms, self._silent)
        while True:
            try:
                frame = await self._receive(socket, patience_s)
            except TimeoutError:
                self._silent += 1
                raise _Again(f"silent for {patience_s:g} s") from None
            if isinstance(frame, Beat | Snap | Delta):
                self._silent = 0
            if frame is not None:
                await self._take(frame)

    def _opening(self) -> list[Request]:
        """Return the first requests of a connection: resume what is held, add what is not."""
        subscription, rule = self._subscription, self._rule
        requests: list[Request] = []
        if subscription.max_hz is not None:
            requests.append(RateLimit(id=self._number(), max_hz=subscription.max_hz))
        if WATCHLIST in subscription.topics and WATCHLIST not in rule.versions:
            requests += self._watch_requests()
        if rule.versions:
            requests += self._resume_requests()
        # A watch or a resume subscribes to the watchlist by itself.
        missing = [t for t in subscription.topics if t not in rule.versions and t != WATCHLIST]
        if missing:
            requests.append(Sub(id=self._number(), topics=missing))
        return requests

    def _resume_requests(self) -> list[Request]:
        """Return what requests everything after what is held.

        A watchlist too long for one message cannot be resumed: it is sent again and starts over.
        """
        if WATCHLIST not in self._rule.versions:
            return [self._rule.resume(self._number())]
        ids = self._subscription.watch
        if len(list(_chunks(ids))) <= 1:
            return [self._rule.resume(self._number(), list(ids))]
        self._rule.forget(WATCHLIST)
        resume = [self._rule.resume(self._number())] if self._rule.versions else []
        return [*resume, *self._watch_requests()]

    def _watch_requests(self) -> list[Request]:
        """Return what makes the server's watchlist ours, in messages that are not too long."""
        modes = itertools.chain(["set"], itertools.repeat("add"))
        pairs = zip(modes, _chunks(self._subscription.watch), strict=False)
        requests: list[Request] = [
            Watch(id=self._number(), ids=ids, mode="set" if mode == "set" else "add")
            for mode, ids in pairs
        ]
        self._rule.edit(requests[-1].id)
        return requests

    async def _take(self, frame: Frame) -> None:
        match frame:
            case Beat():
                self._on_beat(frame)
            case Bye():
                if frame.retry_ms is not None:
                    self._backoff.set_range(frame.retry_ms)
            case Err():
                await self._on_err(frame)
            case Ok():
                self._on_ok(frame)
            case Delta() if self._offset_ms is not None and frame.ts:
                latency_ms = _now_ms() + self._offset_ms - frame.ts
                self.state = msgspec.structs.replace(self.state, latency_ms=round(latency_ms, 1))
        for event in self._rule.take(frame):
            await self._put(event)
        self._notify()
        if isinstance(frame, Beat):
            await self._ping()

    async def _put(self, event: Event) -> None:
        renew = self._sink.put(event)
        if renew is not None:
            self._rule.forget(renew)
            again: list[Request] = [Sub(id=self._number(), topics=[renew])]
            await self._send(*(self._watch_requests() if renew == WATCHLIST else again))
        elif isinstance(event, Gap) and event.resumes:
            await self._send(*self._resume_requests())

    def _on_beat(self, frame: Beat) -> None:
        age_ms = frame.age_ms if isinstance(frame.age_ms, int) else None
        self._report(status=frame.st, epoch=frame.e, version=frame.v, age_ms=age_ms)

    def _on_ok(self, frame: Ok) -> None:
        request = self._pending.pop(frame.id, None) if isinstance(frame.id, int) else None
        if isinstance(request, Ping) and request.ts is not None and isinstance(frame.now, int):
            now = _now_ms()
            rtt_ms = max(0.0, now - request.ts)
            self._offset_ms = frame.now - (now - rtt_ms / 2)
            self.state = msgspec.structs.replace(self.state, rtt_ms=round(rtt_ms, 1))
        elif isinstance(request, Sub) and len(request.topics) == len(frame.starts):
            # Frames carry the canonical names (`chain:eth` is `chain:ethereum`), in our order.
            canonical = dict(zip(request.topics, frame.starts, strict=True))
            names = [canonical.get(topic, topic) for topic in self._subscription.topics]
            self._subscription.topics = tuple(dict.fromkeys(names))

    async def _on_err(self, frame: Err) -> None:
        request = self._pending.pop(frame.id, None) if isinstance(frame.id, int) else None
        if isinstance(request, Ping | Unsub):
            return  # harms nobody
        if frame.retry:
            raise _Again(f"{frame.msg} ({frame.code})")
        raise Refused(frame.code, frame.msg)

    def _on_status(self, answer: InvalidStatus) -> str:
        response = answer.response
        body = (response.body or b"")[:200].decode("utf-8", "replace").strip()
        text = body or response.reason_phrase
        if retry.final_status(response.status_code):
            raise Refused(str(response.status_code), f"{self._url} refuses the stream: {text}")
        after = response.headers.get("Retry-After", "")
        if after.isdigit():
            self._backoff.at_least(float(after))
        return f"{response.status_code} {text}"

    async def _ping(self) -> None:
        now_s = time.monotonic()
        if now_s - self._pinged_s >= PING_EVERY_S:
            self._pinged_s = now_s
            await self._send(Ping(id=self._number(), ts=int(_now_ms())))

    async def _receive(self, socket: ClientConnection, within_s: float) -> Frame | None:
        async with asyncio.timeout(within_s):
            data = await socket.recv(decode=False)
        return decode(data)

    async def _send(self, *requests: Request) -> None:
        for request in requests:
            if self._socket is not None:
                self._pending[request.id] = request
                await self._socket.send(encode(request))

    def _number(self) -> int:
        self._ident += 1
        return self._ident

    def _report(
        self,
        *,
        status: Status,
        epoch: str | None = None,
        version: int | None = None,
        age_ms: int | None = None,
        error: str | None = None,
    ) -> None:
        """Note the state; report it when its status or epoch differs from the last report."""
        before = self.state
        self.state = State(
            status=status,
            epoch=before.epoch if epoch is None else epoch,
            version=before.version if version is None else version,
            age_ms=before.age_ms if age_ms is None else age_ms,
            latency_ms=before.latency_ms,
            rtt_ms=before.rtt_ms,
            error=error,
        )
        reported = (before.status, before.epoch, before.error)
        if reported != (self.state.status, self.state.epoch, error) or not self.connects:
            self._sink.put(self.state)
            self._notify()


def _closing(closed: ConnectionClosed) -> str:
    """Say how a connection ended. Raises Refused when it must not be tried again unchanged."""
    if closed.rcvd is None:
        return "the connection broke"
    if is_final(closed.rcvd.code):
        raise Refused(str(closed.rcvd.code), closed.rcvd.reason or "the gateway refuses") from None
    return f"closed: {closed.rcvd.code} {closed.rcvd.reason}".rstrip()


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    """Cut a watchlist into pieces that fit a message; an empty one is one empty piece."""
    piece: list[str] = []
    size = 0
    for ident in ids:
        size += len(ident) + 3
        if piece and size > _WATCH_BYTES:
            yield piece
            piece, size = [], len(ident) + 3
        piece.append(ident)
    yield piece


def _now_ms() -> float:
    return time.time() * 1000
