"""One connection's side of the protocol: what it asks, what it is answered, when it has to go.

A whole protocol without a socket: text in, frames out through the hub's `MessageSink`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Final

from msgspec import UNSET

from dexwire.stream.closing import BAD_FRAMES, TOO_FAST, Closing
from dexwire.stream.limits import RETRY_MS, TOPICS, WATCHED
from dexwire.stream.messages import (
    PROTOCOL,
    Bye,
    Echo,
    Err,
    Hello,
    Ok,
    Ping,
    RateLimit,
    Request,
    Resume,
    Sub,
    Unsub,
    Watch,
    WatchMode,
)
from dexwire.stream.topics import WATCHLIST
from services.ws.core.frames import message
from services.ws.core.hub import Hub
from services.ws.core.limits import Rate
from services.ws.core.member import ClientPosition, Member, MessageSink
from services.ws.core.register import Full
from services.ws.core.requests import BadMessage, fields_of, ident_of, request_of
from services.ws.core.topics import (
    TOKENS,
    BadTopic,
    Topic,
    parse_token_id,
    parse_topic,
    split_names,
    watch_topic,
)

_BAD_IN_A_ROW: Final = 5
_owners = count(1)  # of watchlists


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
        self._sink.write(message(self._hello()))
        wanted = [] if topics is None else split_names(topics)
        if watch is not None:
            wanted.append(WATCHLIST)
        if wanted:
            try:
                if watch is not None:
                    self._watched = _edited({}, split_names(watch), "set")
                self._start(UNSET, dict.fromkeys(wanted))
            except (BadMessage, BadTopic, Full) as error:
                self._refuse(UNSET, error)

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
            self._sink.write(message(Bye(why="drain", retry_ms=RETRY_MS)))

    def leave(self) -> None:
        """Forget the connection; leaving twice is no error."""
        self._hub.leave(self.member)

    def _hello(self) -> Hello:
        hub = self._hub
        ready = hub.ready
        return Hello(
            proto=PROTOCOL,
            e=hub.replica.epoch if ready else "",
            v=hub.replica.version if ready else 0,
            st=hub.status,
            window_ms=hub.window_ms,
            ts=hub.world.now_ms(),
        )

    # -- what the client asks ---------------------------------------------------------------------
    def _on_text(self, text: str) -> Closing | None:
        ident: Echo = UNSET
        try:
            fields = fields_of(text)
            ident = ident_of(fields)
            self._answer(ident, request_of(text, fields))
        except Full as error:
            self._refuse(ident, error)
            return None
        except (BadMessage, BadTopic) as error:
            self._bad += 1
            self._refuse(ident, error)
            return BAD_FRAMES if self._bad >= _BAD_IN_A_ROW else None
        self._bad = 0
        return None

    def _answer(self, ident: Echo, request: Request) -> None:
        match request:
            case Sub(topics=topics, since=page):
                # A page has no watchlist, so its state is none of one.
                since = None if page is None else ClientPosition(page.e, page.v)
                self._start(ident, {k: None if k == WATCHLIST else since for k in topics})
            case Unsub():
                names = [parse_topic(name).name for name in request.topics]
                if WATCHLIST in names:
                    self._watched = {}
                self._hub.unsubscribe(self.member, names)
                self._sink.write(message(Ok(id=ident)))
            case Resume():
                self._resume(ident, request)
            case Watch():
                edited = _edited(self._watched, request.ids, request.mode)
                self._start(ident, {WATCHLIST: None}, edited)
            case RateLimit(max_hz=max_hz):
                self.member.pause_ms = 1000 / max_hz if max_hz else 0.0
                self._sink.write(message(Ok(id=ident)))
            case Ping():
                ts = UNSET if request.ts is None else request.ts
                self._sink.write(message(Ok(id=ident, ts=ts, now=self._hub.world.now_ms())))

    def _resume(self, ident: Echo, request: Resume) -> None:
        wanted: dict[str, ClientPosition | None] = {
            topic: ClientPosition(request.e, version) for topic, version in request.topics.items()
        }
        watched = None
        if request.watch is not None:
            watched = _edited({}, request.watch, "set")
            wanted.setdefault(WATCHLIST, None)
        elif WATCHLIST in wanted:
            wanted[WATCHLIST] = None  # it does not say of which tokens it holds the rows
        self._start(ident, wanted, watched)

    def _start(
        self,
        ident: Echo,
        wanted: Mapping[str, ClientPosition | None],
        watched: dict[str, None] | None = None,
    ) -> None:
        """Subscribe to all or, when one of them cannot be, to none.

        `watched` is the new watchlist, if it is to be another one.
        """
        topics: dict[Topic, ClientPosition | None] = {}
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
        answer = message(Ok(id=ident, topics={**how}))
        if tokens in topics:
            self._hub.answer(self.member, answer)
        else:
            self._sink.write(answer)
        self._hub.serve(self.member)

    def _refuse(self, ident: Echo, error: BadMessage | BadTopic | Full) -> None:
        retry = isinstance(error, Full)
        self._sink.write(message(Err(id=ident, code=error.code, msg=str(error), retry=retry)))


def _edited(watched: Mapping[str, None], ids: Iterable[str], mode: WatchMode) -> dict[str, None]:
    """Return a watchlist after an edit. Raises BadTopic for what can be no id, and BadMessage."""
    named = dict.fromkeys(parse_token_id(ident) for ident in ids if ident)
    if mode == "remove":
        return {ident: None for ident in watched if ident not in named}
    edited = {**watched, **named} if mode == "add" else named
    if len(edited) > WATCHED:
        raise BadMessage("limit", f"at most {WATCHED} tokens in a watchlist")
    return edited
