"""One connection's side of the protocol: what it asks, what it is answered, when it has to go.

A whole protocol without a socket: text in, frames out through the hub's `Sink`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from services.ws.core.closing import BAD_FRAMES, TOO_FAST, Closing
from services.ws.core.frames import message
from services.ws.core.hub import Cursor, Hub, Member, Sink
from services.ws.core.limits import IDS, IN_BYTES, IN_PER_S, TOPICS, Rate
from services.ws.core.topics import BadTopic, Topic, parse_topic

SUBPROTOCOL: Final = "discover.v1.json"
WINDOW_MS: Final = 200
HEARTBEAT_MS: Final = 1_000
RETRY_MS: Final = (500, 8_000)  # the range from which a client told to go draws its wait
_BAD_IN_A_ROW: Final = 5
_NULL: Final = Raw(b"null")

_Id: TypeAlias = int | str | None
_Version = Annotated[int, Meta(ge=0, lt=2**53)]


class _Topics(Struct):
    topics: list[str]
    since: Raw = _NULL


class _Since(Struct):
    e: str
    v: _Version


class _Resume(Struct):
    e: str
    topics: Raw


class _Ping(Struct):
    ts: int | float | None = None


_decode_message = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_id: Final = msgspec.json.Decoder(int | Annotated[str, Meta(max_length=64)] | None).decode
_decode_since: Final = msgspec.json.Decoder(_Since).decode
_decode_cursors: Final = msgspec.json.Decoder(dict[str, _Version]).decode
T = TypeVar("T", bound=Struct)


class Refused(ValueError):
    """A message is answered with an `err`; `code` is the protocol's."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Session:
    """One open connection. Everything it returns is None, or why the connection must be closed."""

    __slots__ = ("_bad", "_hub", "_rate", "_sink", "member")

    def __init__(self, hub: Hub, sink: Sink, now_s: float) -> None:
        self._hub = hub
        self._sink = sink
        self._rate = Rate(now_s)
        self._bad = 0
        self.member: Member = hub.enter(sink)

    @property
    def subscribed(self) -> bool:
        """Whether it has, or waits for, any topic."""
        return bool(self.member.topics.rooms or self.member.waiting)

    def greet(self, topics: str | None) -> None:
        """Say hello; `topics` are those of the address, separated by commas."""
        hub = self._hub
        ready = hub.ready
        self._sink.write(
            message(
                "hello",
                proto=1,
                e=hub.replica.epoch if ready else "",
                v=hub.replica.version if ready else 0,
                st=hub.status,
                window_ms=WINDOW_MS,
                hb_ms=HEARTBEAT_MS,
                ts=hub.world.now_ms(),
                limits={"topics": TOPICS, "ids": IDS, "in_per_s": IN_PER_S, "in_bytes": IN_BYTES},
            )
        )
        if topics is not None:
            try:
                self._start(None, dict.fromkeys(topics.split(",")))
            except (Refused, BadTopic) as error:
                self._refuse(None, error)

    def receive(self, text: str, now_s: float) -> Closing | None:
        """Take one message of the client."""
        if not self._rate.allows(now_s):
            return TOO_FAST
        return self._on_text(text)

    def knock(self, now_s: float) -> Closing | None:
        """Take one control frame or fragment: they count against the rate like messages."""
        return None if self._rate.allows(now_s) else TOO_FAST

    def bye(self) -> None:
        """Announce that this gateway is going away."""
        if not self._sink.paused:
            self._sink.write(message("bye", why="drain", retry_ms=RETRY_MS))

    def leave(self) -> None:
        """Forget the connection; leaving twice is no error."""
        self._hub.leave(self.member)

    # -- what the client asks ---------------------------------------------------------------------
    def _on_text(self, text: str) -> Closing | None:
        ident: _Id = None
        try:
            try:
                said = _decode_message(text)
            except (msgspec.MsgspecError, RecursionError):
                raise Refused("bad_json", "not a JSON object") from None
            try:
                ident = _decode_id(said.get("id", _NULL))
            except msgspec.MsgspecError:
                raise Refused("bad_request", "id must be an integer or a short string") from None
            self._dispatch(ident, _op_of(said), text)
        except (Refused, BadTopic) as error:
            self._bad += 1
            self._refuse(ident, error)
            return BAD_FRAMES if self._bad >= _BAD_IN_A_ROW else None
        self._bad = 0
        return None

    def _dispatch(self, ident: _Id, op: str, text: str) -> None:
        match op:
            case "sub":
                asked = _read(text, _Topics)
                since = _cursor(asked.since)
                self._start(ident, dict.fromkeys(asked.topics, since))
            case "unsub":
                names = [parse_topic(name).name for name in _read(text, _Topics).topics]
                self._hub.unsubscribe(self.member, names)
                self._sink.write(message("ok", id=ident))
            case "resume":
                resumed = _read(text, _Resume)
                cursors = _resumed(resumed.topics)
                self._start(ident, {k: Cursor(resumed.e, v) for k, v in cursors.items()})
            case "ping":
                asked_ts = _read(text, _Ping).ts
                now = self._hub.world.now_ms()
                self._sink.write(message("ok", id=ident, ts=asked_ts, now=now))
            case "watch" | "rate":
                raise Refused("unsupported", f"op '{op}' is not served yet")
            case _:
                raise Refused("bad_op", f"unknown op '{op[:64]}'")

    def _start(self, ident: _Id, wanted: Mapping[str, Cursor | None]) -> None:
        """Subscribe to all or, when one of them cannot be, to none."""
        topics: dict[Topic, Cursor | None] = {}
        for name, cursor in wanted.items():
            topics[parse_topic(name)] = cursor
            if len(topics) > TOPICS:
                break
        names = self.member.topics.names | self.member.waiting.keys() | {t.name for t in topics}
        if len(names) > TOPICS:
            raise Refused("limit", f"at most {TOPICS} topics a connection")
        how = self._hub.subscribe(self.member, topics)
        self._sink.write(message("ok", id=ident, topics=how))
        self._hub.serve(self.member)

    def _refuse(self, ident: _Id, error: Refused | BadTopic) -> None:
        said = message("err", id=ident, code=error.code, msg=str(error), retry=False)
        self._sink.write(said)


def _op_of(said: Mapping[str, Raw]) -> str:
    try:
        return msgspec.json.decode(said.get("op", _NULL), type=str)
    except msgspec.MsgspecError:
        raise Refused("bad_op", "op must be a string") from None


def _read(text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise Refused("bad_request", str(error)[:200]) from None


def _cursor(since: Raw) -> Cursor | None:
    if bytes(since) == b"null":
        return None
    try:
        found = _decode_since(since)
    except msgspec.MsgspecError as error:
        raise Refused("bad_since", str(error)[:200]) from None
    return Cursor(found.e, found.v)


def _resumed(cursors: Raw) -> dict[str, int]:
    try:
        return _decode_cursors(cursors)
    except msgspec.MsgspecError as error:
        raise Refused("bad_since", str(error)[:200]) from None
