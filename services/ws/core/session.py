"""One connection's side of the protocol: what it asks, what it is answered, when it has to go.

A whole protocol without a socket: text in, frames out through the hub's `MessageSink`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from services.ws.core.closing import BAD_FRAMES, TOO_FAST, Closing
from services.ws.core.frames import message
from services.ws.core.hub import Hub, Member, MessageSink, Position
from services.ws.core.limits import IDS, IN_BYTES, IN_PER_S, TOPICS, Rate
from services.ws.core.register import Full
from services.ws.core.topics import (
    TOKENS,
    BadTopic,
    Topic,
    parse_token_id,
    parse_topic,
    split_names,
    watch_topic,
)

SUBPROTOCOL: Final = "discover.v1.json"
WINDOW_MS: Final = 200
HEARTBEAT_MS: Final = 1_000
RETRY_MS: Final = (500, 8_000)  # the range from which a client that has to go draws its wait
_BAD_IN_A_ROW: Final = 5
_NULL: Final = Raw(b"null")
_LEAST_HZ: Final = 0.01

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
    watch: list[str] | None = None


class _Watch(Struct):
    ids: list[str]
    mode: Literal["set", "add", "remove"] = "set"


class _Pace(Struct):
    max_hz: Annotated[float, Meta(ge=_LEAST_HZ, le=1000)] | None


class _Ping(Struct):
    ts: int | float | None = None


_decode_message = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_id: Final = msgspec.json.Decoder(int | Annotated[str, Meta(max_length=64)] | None).decode
_decode_since: Final = msgspec.json.Decoder(_Since).decode
_decode_cursors: Final = msgspec.json.Decoder(dict[str, _Version]).decode
T = TypeVar("T", bound=Struct)
_owners = count(1)  # of watchlists


class BadMessage(ValueError):
    """A message is answered with an `err`; `code` is the protocol's."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Session:
    """One open connection. Everything it returns is None, or why the connection must be closed."""

    __slots__ = ("_bad", "_hub", "_rate", "_sink", "_watched", "member")

    def __init__(self, hub: Hub, sink: MessageSink, address: str = "") -> None:
        self._hub = hub
        self._sink = sink
        self._rate = Rate()
        self._bad = 0
        self._watched: dict[str, None] = {}  # token ids, in the order in which they were added
        self.member: Member = hub.enter(sink, address)

    @property
    def subscribed(self) -> bool:
        """Whether it has, or waits for, any topic."""
        return bool(self.member.topics.rooms or self.member.waiting)

    def greet(self, topics: str | None, watch: str | None = None) -> None:
        """Say hello; `topics` and `watch` are those of the address, separated by commas."""
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
        wanted = [] if topics is None else split_names(topics)
        if watch is not None:
            wanted.append(TOKENS.name)
        if wanted:
            try:
                if watch is not None:
                    self._watched = _edited({}, split_names(watch), "set")
                self._start(None, dict.fromkeys(wanted))
            except (BadMessage, BadTopic, Full) as error:
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
                message_fields = _decode_message(text)
            except (msgspec.MsgspecError, RecursionError):
                raise BadMessage("bad_json", "not a JSON object") from None
            try:
                ident = _decode_id(message_fields.get("id", _NULL))
            except msgspec.MsgspecError:
                raise BadMessage("bad_request", "id must be an integer or a short string") from None
            self._dispatch(ident, _op_of(message_fields), text)
        except Full as error:
            self._refuse(ident, error)
            return None
        except (BadMessage, BadTopic) as error:
            self._bad += 1
            self._refuse(ident, error)
            return BAD_FRAMES if self._bad >= _BAD_IN_A_ROW else None
        self._bad = 0
        return None

    def _dispatch(self, ident: _Id, op: str, text: str) -> None:
        match op:
            case "sub":
                request = _read(text, _Topics)
                since = _cursor(request.since)
                # A page has no watchlist, so its state is none of one.
                self._start(ident, {k: None if k == TOKENS.name else since for k in request.topics})
            case "unsub":
                names = [parse_topic(name).name for name in _read(text, _Topics).topics]
                if TOKENS.name in names:
                    self._watched = {}
                self._hub.unsubscribe(self.member, names)
                self._sink.write(message("ok", id=ident))
            case "resume":
                self._resume(ident, _read(text, _Resume))
            case "watch":
                edit = _read(text, _Watch)
                self._start(ident, {TOKENS.name: None}, _edited(self._watched, edit.ids, edit.mode))
            case "rate":
                max_hz = _read(text, _Pace).max_hz
                self.member.pause_ms = 1000 / max_hz if max_hz else 0.0
                self._sink.write(message("ok", id=ident))
            case "ping":
                ping_ts = _read(text, _Ping).ts
                now = self._hub.world.now_ms()
                self._sink.write(message("ok", id=ident, ts=ping_ts, now=now))
            case _:
                raise BadMessage("bad_op", f"unknown op '{op[:64]}'")

    def _resume(self, ident: _Id, request: _Resume) -> None:
        cursors = _resumed(request.topics)
        wanted: dict[str, Position | None] = {k: Position(request.e, v) for k, v in cursors.items()}
        watched = None
        if request.watch is not None:
            watched = _edited({}, request.watch, "set")
            wanted.setdefault(TOKENS.name, None)
        elif TOKENS.name in wanted:
            wanted[TOKENS.name] = None  # of which tokens it holds the rows is not said
        self._start(ident, wanted, watched)

    def _start(
        self,
        ident: _Id,
        wanted: Mapping[str, Position | None],
        watched: dict[str, None] | None = None,
    ) -> None:
        """Subscribe to all or, when one of them cannot be, to none.

        `watched` is the new watchlist, if it is to be another one.
        """
        topics: dict[Topic, Position | None] = {}
        tokens = watch_topic(
            tuple(self._watched if watched is None else watched), str(next(_owners))
        )
        for name, cursor in wanted.items():
            topic = parse_topic(name)
            topics[tokens if topic is TOKENS else topic] = cursor
            if len(topics) > TOPICS:
                break
        names = {room.name for room in self.member.topics.rooms} | self.member.waiting.keys()
        if len(names | {topic.name for topic in topics}) > TOPICS:
            raise BadMessage("limit", f"at most {TOPICS} topics a connection")
        how = self._hub.subscribe(self.member, topics)
        if watched is not None:
            self._watched = watched
        answer = message("ok", id=ident, topics=how)
        if tokens in topics:
            self._hub.answer(self.member, answer)
        else:
            self._sink.write(answer)
        self._hub.serve(self.member)

    def _refuse(self, ident: _Id, error: BadMessage | BadTopic | Full) -> None:
        retry = isinstance(error, Full)
        self._sink.write(message("err", id=ident, code=error.code, msg=str(error), retry=retry))


def _edited(
    watched: Mapping[str, None], ids: Iterable[str], mode: Literal["set", "add", "remove"]
) -> dict[str, None]:
    """Return a watchlist after an edit. Raises BadTopic for what can be no id, and Refused."""
    named = dict.fromkeys(parse_token_id(ident) for ident in ids if ident)
    if mode == "remove":
        return {ident: None for ident in watched if ident not in named}
    edited = {**watched, **named} if mode == "add" else named
    if len(edited) > IDS:
        raise BadMessage("limit", f"at most {IDS} tokens in a watchlist")
    return edited


def _op_of(message_fields: Mapping[str, Raw]) -> str:
    try:
        return msgspec.json.decode(message_fields.get("op", _NULL), type=str)
    except msgspec.MsgspecError:
        raise BadMessage("bad_op", "op must be a string") from None


def _read(text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise BadMessage("bad_request", str(error)[:200]) from None


def _cursor(since: Raw) -> Position | None:
    if bytes(since) == b"null":
        return None
    try:
        found = _decode_since(since)
    except msgspec.MsgspecError as error:
        raise BadMessage("bad_since", str(error)[:200]) from None
    return Position(found.e, found.v)


def _resumed(cursors: Raw) -> dict[str, int]:
    try:
        return _decode_cursors(cursors)
    except msgspec.MsgspecError as error:
        raise BadMessage("bad_since", str(error)[:200]) from None
