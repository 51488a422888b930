"""The stream's messages between text and structs (dexwire.stream.messages)."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from dexwire.client.errors import Malformed
from dexwire.stream.messages import SERVER_FRAMES, SUBPROTOCOL, Frame, Request, tag_of


class _Tagged(Struct):
    t: str


_decoder: Final[msgspec.json.Decoder[Frame]] = msgspec.json.Decoder(Frame)
_kind: Final = msgspec.json.Decoder(_Tagged)
_encoder: Final = msgspec.json.Encoder()
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_KNOWN: Final = frozenset(map(tag_of, SERVER_FRAMES))


def decode(data: bytes | str) -> Frame | None:
    """Decode one message; None when it is of a kind that this client does not know.

    Raises Malformed when it is no message of this protocol.
    """
    try:
        return _decoder.decode(data)
    except _UNREADABLE as error:
        try:
            known = _kind.decode(data).t in _KNOWN
        except _UNREADABLE:
            known = True
        if known:
            raise Malformed(f"not a frame of {SUBPROTOCOL}: {error}") from None
        return None


def encode(request: Request) -> str:
    """Return a request as the text that is sent."""
    return _encoder.encode(request).decode()
