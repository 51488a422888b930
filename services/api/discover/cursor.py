"""Opaque cursors: where a walk stands, signed. Pure.

The first cursor carries the version of page one and the hashes of the ids that it showed; later
ones also the name of the pinned order and the position in it. So the first page costs nothing, and
nothing is kept for a walker: what a walk needs travels with it.

Bytes: format, key id 4, list 8, epoch 8, version 8, view 16, position 4, shown 8 each, MAC 16,
CRC 4; then base64url without padding. The CRC separates a damaged cursor (400) from one whose key
is lost (410), the MAC a forged one.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

HASH_BYTES: Final = 8
NO_VIEW: Final = bytes(16)
_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">B4s8s8sQ16sI")
_MAC_BYTES: Final = 16
_TAIL_BYTES: Final = _MAC_BYTES + 4


class BadCursorError(ValueError):
    """The cursor was changed, or never was one of ours."""


class LostKeyError(ValueError):
    """The cursor is whole, but the key that signed it is no longer known."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a walk stands."""

    binding: bytes  # 8 bytes that name the list (DiscoverQuery.binding)
    epoch: bytes  # 8 bytes (epoch_hash)
    version: int  # of page one
    shown: tuple[bytes, ...]  # id hashes of page one, skipped in the pinned order
    view: bytes = NO_VIEW  # 16 bytes that name the pinned order, zeros before there is one
    position: int = 0  # in it, in entries


def epoch_hash(epoch: str) -> bytes:
    """Return the 8 bytes under which cursors and pinned orders know an epoch."""
    return hashlib.blake2b(epoch.encode(), digest_size=8).digest()


def encode_cursor(cursor: Cursor, secret: bytes) -> str:
    """Return the text of a cursor, about 300 characters after a page of 20."""
    body = _HEAD.pack(
        _FORMAT,
        _key_id(secret),
        cursor.binding,
        cursor.epoch,
        cursor.version,
        cursor.view,
        cursor.position,
    ) + b"".join(cursor.shown)
    signed = body + _mac(body, secret)
    checked = signed + zlib.crc32(signed).to_bytes(4, "big")
    return urlsafe_b64encode(checked).rstrip(b"=").decode()


def decode_cursor(text: str, secret: bytes) -> Cursor:
    """Return the cursor. Raises BadCursorError or LostKeyError."""
    padded = text.encode("ascii", "replace") + b"=" * (-len(text) % 4)
    try:
        raw = urlsafe_b64decode(padded)
    except Base64Error:
        raise BadCursorError("not base64url") from None
    # The last character has spare bits that a lenient decoder ignores.
    if urlsafe_b64encode(raw) != padded or len(raw) < _HEAD.size + _TAIL_BYTES:
        raise BadCursorError("not a cursor")
    signed, crc = raw[:-4], raw[-4:]
    body, mac = signed[:-_MAC_BYTES], signed[-_MAC_BYTES:]
    shown = body[_HEAD.size :]
    if zlib.crc32(signed) != int.from_bytes(crc, "big") or len(shown) % HASH_BYTES:
        raise BadCursorError("damaged")
    form, key_id, binding, epoch, version, view, position = _HEAD.unpack_from(body)
    if form != _FORMAT:
        raise BadCursorError("of another format")
    if key_id != _key_id(secret):
        raise LostKeyError("signed with another key")
    if not compare_digest(mac, _mac(body, secret)):
        raise BadCursorError("forged")
    return Cursor(binding, epoch, version, split_hashes(shown), view, position)


def split_hashes(packed: bytes) -> tuple[bytes, ...]:
    """Split packed id hashes."""
    return tuple(packed[i : i + HASH_BYTES] for i in range(0, len(packed), HASH_BYTES))


def _key_id(secret: bytes) -> bytes:
    return hashlib.blake2b(secret, digest_size=4, person=b"cursor-key-id").digest()


def _mac(body: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(body, key=secret[:64], digest_size=_MAC_BYTES).digest()
