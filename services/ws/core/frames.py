"""Frames as bytes: server messages, encoded from rows that stay JSON and are never decoded.

Everything here returns finished WebSocket frames, so that the same bytes can be written to any
number of transports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from websockets.frames import Frame, Opcode

SHARED_PART: Final = 256 * 1024  # bytes of a message that many connections hold by reference
# Of a message for one connection. Written when less than 16 KiB are unsent, so that a connection
# never holds more than 80 KiB of its own.
PRIVATE_PART: Final = 60 * 1024

_KINDS: Final = ("set", "add", "gone")
_json = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Body:
    """What a `snap` or `d` says, each entry as JSON."""

    set: tuple[bytes, ...] = ()  # {"id", changed fields}
    add: tuple[bytes, ...] = ()  # whole rows; the `rows` of a snapshot
    gone: tuple[bytes, ...] = ()  # ids, as JSON strings
    ids: tuple[bytes, ...] | None = None  # the order of a list, if it changed

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.set or self.add or self.gone or self.ids is not None)


NOTHING: Final = Body()


def text_frame(payload: bytes) -> bytes:
    """Return one unfragmented, unmasked text frame."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def message(t: str, **fields: Any) -> bytes:  # noqa: ANN401 - whatever JSON can say
    """Return a small message as a frame; fields that are None are left out."""
    said = {name: value for name, value in fields.items() if value is not None}
    return text_frame(_json.encode({"t": t, **said}))


def quote(text: str) -> bytes:
    """Return a string as JSON."""
    return _json.encode(text)


class Parts:
    """A `snap` or `d` as one or more frames, framed when they are first written.

    Until then it holds references to rows only. Framed parts are kept while the message is the
    newest of its kind, so that any number of connections write the same bytes. Once it is retired,
    whoever is still in the middle of it gets small parts of his own: a slow reader of an old
    snapshot holds one of them, not the whole.
    """

    __slots__ = ("_bodies", "_framed", "_head", "_rows_label")

    def __init__(self, head: dict[str, Any], body: Body, *, limit: int) -> None:
        """`head` is the message without its body; `limit` is in bytes of entries a part."""
        self._head = _json.encode({k: v for k, v in head.items() if v is not None})[:-1]
        self._rows_label = b"rows" if head["t"] == "snap" else b"add"
        self._bodies = tuple(_split(body, limit))
        self._framed: list[bytes | None] | None = [None] * len(self._bodies)

    def __iter__(self) -> Iterator[bytes]:
        final = len(self._bodies) - 1
        for number, body in enumerate(self._bodies):
            if self._framed is not None:
                yield self._kept(self._framed, number)
                continue
            pieces = tuple(_split(body, PRIVATE_PART))
            for piece in pieces:
                more = number < final or piece is not pieces[-1]
                yield text_frame(self._encode(piece, more=more))

    def retire(self) -> None:
        """Stop keeping framed parts: a newer message has taken this one's place."""
        self._framed = None

    def _kept(self, framed: list[bytes | None], number: int) -> bytes:
        frame = framed[number]
        if frame is None:
            more = number + 1 < len(self._bodies)
            frame = framed[number] = text_frame(self._encode(self._bodies[number], more=more))
        return frame

    def _encode(self, body: Body, *, more: bool) -> bytes:
        said = [self._head]
        if body.ids is not None:
            said.append(b',"ids":[%b]' % b",".join(body.ids))
        if body.set:
            said.append(b',"set":[%b]' % b",".join(body.set))
        if body.add or self._rows_label == b"rows":
            said.append(b',"%b":[%b]' % (self._rows_label, b",".join(body.add)))
        if body.gone:
            said.append(b',"del":[%b]' % b",".join(body.gone))
        said.append(b',"more":true}' if more else b"}")
        return b"".join(said)


def snap_parts(topic: str, epoch: str, version: int, body: Body) -> Parts:
    """Return a snapshot; its rows are in `body.add`."""
    return Parts({"t": "snap", "k": topic, "e": epoch, "v": version}, body, limit=SHARED_PART)


def diff_parts(
    topic: str, pv: int, version: int, ts: int, body: Body, *, folded: int = 1, limit: int
) -> Parts:
    """Return a diff of `folded` commits."""
    head = {
        "t": "d",
        "k": topic,
        "pv": pv,
        "v": version,
        "ts": ts,
        "cf": folded if folded > 1 else None,
    }
    return Parts(head, body, limit=limit)


def _split(body: Body, limit: int) -> Iterator[Body]:
    """Cut a body so that the entries of each part stay below `limit` bytes (or are one entry)."""
    size = sum(len(entry) + 1 for entry in body.set + body.add + body.gone + (body.ids or ()))
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
    return Body(tuple(pieces["set"]), tuple(pieces["add"]), tuple(pieces["gone"]), ids)
