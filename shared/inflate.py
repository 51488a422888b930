"""Inflates gzip of one or several members piece by piece, within a bound. Pure."""

from __future__ import annotations

import zlib
from typing import Final

MEMBERS_MAX: Final = 1_000  # nobody honest sends more; an empty one takes 20 bytes
_MAGIC: Final = b"\x1f\x8b"


class Inflater:
    """One body; at most `most` bytes come out of it, whatever goes in."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._members = 1
        self._behind = b""  # what may be the start of another member

    @property
    def whole(self) -> bool:
        """Whether the last member has ended; what else follows it (padding) is ignored."""
        return self._member.eof and self._behind != _MAGIC

    def feed(self, data: bytes) -> bytes:
        """Return what these bytes add to the body. Raises zlib.error for what is no gzip."""
        out = bytearray()
        while data and self._left > 0:
            if self._member.eof:
                data, self._behind = self._behind + data, b""
                if len(data) < len(_MAGIC) and _MAGIC.startswith(data):
                    self._behind = data
                    break
                if not data.startswith(_MAGIC):
                    break
                self._next_member()
            piece = self._member.decompress(data, self._left)
            out += piece
            self._left -= len(piece)
            data = self._member.unused_data if self._member.eof else b""
        return bytes(out)

    def _next_member(self) -> None:
        self._members += 1
        if self._members > MEMBERS_MAX:
            raise zlib.error("too many members")
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
