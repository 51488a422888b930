"""Frames as bytes: server messages, encoded from rows that stay JSON and are never decoded.

Everything here returns finished WebSocket frames, so that the same bytes can be written to any
number of transports. `snap`, `d` and `ev` are put together from the rows' bytes; that they are the
protocol's Snap, Delta and Events is tested (tests/ws/test_messages.py).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from websockets.frames import Frame, Opcode

from dexwire.stream.limits import PART_BYTES
from dexwire.stream.messages import Beat, Bye, Delta, Err, Events, Hello, Lost, Ok

SHARED_PART: Final = PART_BYTES  # of a message that many connections hold by reference
# Of a message for one connection. Written when less than 16 KiB are unsent, so that a connection
# never holds more than 80 KiB of its own.
PRIVATE_PART: Final = 60 * 1024

# Shorter messages gain nothing from compression.
DEFLATE_FROM: Final = 512  # bytes
_DEFLATE_LEVEL: Final = 1  # 12 us for 2 KB, to 39 %
_COMPRESSED_TEXT: Final = 0xC1  # FIN, RSV1, text

_KINDS: Final = ("set", "add", "gone", "events")
_json = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Body:
    """What a `snap`, `d` or `ev` says, each entry as JSON."""

    set: tuple[bytes, ...] = ()  # {"id", changed fields}
    add: tuple[bytes, ...] = ()  # whole rows; the `rows` of a snapshot
    gone: tuple[bytes, ...] = ()  # ids, as JSON strings
    ids: tuple[bytes, ...] | None = None  # the order of a list, if it changed
    events: tuple[bytes, ...] = ()  # alerts
    lost_to: int | None = None  # alerts through this version are no longer available

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        changed = self.set or self.add or self.gone or self.events
        return bool(changed or self.ids is not None or self.lost_to is not None)


NOTHING: Final = Body()


def text_frame(payload: bytes) -> bytes:
    """Return one unfragmented, unmasked text frame."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def deflated_frame(payload: bytes) -> bytes:
    """Return one text frame of permessage-deflate without context takeover.

    Payloads of less than DEFLATE_FROM bytes stay plain, which the extension allows per message.
    """
    if len(payload) < DEFLATE_FROM:
        return text_frame(payload)
    deflate = zlib.compressobj(_DEFLATE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    frame = bytearray(Frame(Opcode.TEXT, packed[:-4]).serialize(mask=False))
    frame[0] = _COMPRESSED_TEXT
    return bytes(frame)


def message(content: Hello | Ok | Err | Beat | Lost | Bye) -> bytes:
    """Return a small message as a frame."""
    return text_frame(_json.encode(content))


def quote(text: str) -> bytes:
    """Return a string as JSON."""
    return _json.encode(text)


class Parts:
    """A `snap`, `d` or `ev` as one or more frames, framed when they are first written.

    Until then it holds references to rows only. Framed parts are kept, plain and compressed, while
    the message is the newest of its kind, so that any number of connections write the same bytes.
    Once it is retired, a listener in the middle of it gets small parts of its own, never
    compressed: a slow reader of an old snapshot holds one of them, not the whole.
    """

    __slots__ = ("_bodies", "_framed", "_head", "_opening", "_rows_label")

    def __init__(
        self,
        head: Delta | Events | dict[str, Any],
        body: Body,
        *,
        limit: int,
        rows_label: bytes = b"add",
        opening: bytes | None = None,
    ) -> None:
        """`head` is the message without its body; `limit` is in bytes of entries a part.

        `opening` is a frame of its own that comes first.
        """
        self._head = _json.encode(head)[:-1]
        self._rows_label = rows_label
        self._opening = opening
        self._bodies = tuple(_split(body, limit))
        self._framed: dict[tuple[int, bool], bytes] | None = {}

    def __iter__(self) -> Iterator[bytes]:
        return self.frames()

    def frames(self, *, deflate: bool = False) -> Iterator[bytes]:
        """Yield the message's frames; `deflate`: large ones compressed."""
        if self._opening is not None:
            yield self._opening
        final = len(self._bodies) - 1
        for number, body in enumerate(self._bodies):
            if self._framed is not None:
                yield self._kept(self._framed, number, deflate=deflate)
                continue
            pieces = tuple(_split(body, PRIVATE_PART))
            for piece in pieces:
                more = number < final or piece is not pieces[-1]
                yield text_frame(self._encode(piece, more=more))

    def retire(self) -> None:
        """Stop keeping framed parts: a newer message has taken this one's place."""
        self._framed = None

    def _kept(self, framed: dict[tuple[int, bool], bytes], number: int, *, deflate: bool) -> bytes:
        frame = framed.get((number, deflate))
        if frame is None:
            payload = self._encode(self._bodies[number], more=number + 1 < len(self._bodies))
            frame = deflated_frame(payload) if deflate else text_frame(payload)
            framed[number, deflate] = frame
        return frame

    def _encode(self, body: Body, *, more: bool) -> bytes:
        parts = [self._head]
        if body.ids is not None:
            parts.append(b',"ids":[%b]' % b",".join(body.ids))
        if body.set:
            parts.append(b',"set":[%b]' % b",".join(body.set))
        if body.add or self._rows_label == b"rows":
            parts.append(b',"%b":[%b]' % (self._rows_label, b",".join(body.add)))
        if body.gone:
            parts.append(b',"del":[%b]' % b",".join(body.gone))
        if body.events:
            parts.append(b',"ev":[%b]' % b",".join(body.events))
        parts.append(b',"more":true}' if more else b"}")
        return b"".join(parts)


def snap_parts(topic: str, epoch: str, version: int, body: Body) -> Parts:
    """Return a snapshot; its rows are in `body.add`."""
    head = {"t": "snap", "k": topic, "e": epoch, "v": version}
    return Parts(head, body, limit=SHARED_PART, rows_label=b"rows")


def diff_parts(
    topic: str, pv: int, version: int, ts: int, body: Body, *, folded: int = 1, limit: int
) -> Parts:
    """Return a diff of `folded` commits."""
    head = Delta(k=topic, pv=pv, v=version, ts=ts, cf=folded)
    return Parts(head, body, limit=limit)


def event_parts(topic: str, pv: int, version: int, body: Body, *, limit: int) -> Parts:
    """Return the alerts between two versions, opened by what is lost of them."""
    head = Events(k=topic, pv=pv, v=version)
    lost = body.lost_to
    opening = None if lost is None else message(Lost(k=topic, from_=pv, to=lost))
    return Parts(head, body, limit=limit, opening=opening)


def _split(body: Body, limit: int) -> Iterator[Body]:
    """Cut a body so that the entries of each part stay below `limit` bytes (or are one entry)."""
    entries = body.set + body.add + body.gone + body.events + (body.ids or ())
    size = sum(len(entry) + 1 for entry in entries)
    if size <= limit:
        yield body
        return
    pieces: dict[str, list[bytes]] = {kind: [] for kind in _KINDS}
    room = limit - sum(len(entry) + 1 for entry in body.ids or ())
    ids = body.ids
    for kind in _KINDS:
        for entry in getattr(body, kind):
            if len(entry) >= room and any(pieces.values()):
                yield _piece(pieces, ids)
                pieces = {kind: [] for kind in _KINDS}
                room, ids = limit, None
            pieces[kind].append(entry)
            room -= len(entry) + 1
    yield _piece(pieces, ids)


def _piece(pieces: dict[str, list[bytes]], ids: tuple[bytes, ...] | None) -> Body:
    sets, adds, gone = tuple(pieces["set"]), tuple(pieces["add"]), tuple(pieces["gone"])
    return Body(sets, adds, gone, ids, tuple(pieces["events"]))
