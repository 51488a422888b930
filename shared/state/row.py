"""The token row as bytes: how it is stored, joined, patched and hashed.

A row is JSON from the moment it is computed. Redis holds one JSON value per field, the log and the
stream hold objects; this module turns one into the other without ever decoding a number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from shared.model import ROW_FIELDS

Fields: TypeAlias = dict[str, bytes]  # field name → its JSON value

NULL: Final = b"null"
_RANK: Final = {name: rank for rank, name in enumerate(ROW_FIELDS)}
_LABEL: Final = {name: b'"%s":' % name.encode() for name in ROW_FIELDS}
_HASHED: Final = [(name, name.encode() + b"=") for name in sorted(ROW_FIELDS)]
_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()
_MASK: Final = (1 << 64) - 1


def decode_row(row: bytes | msgspec.Raw) -> Fields:
    """Split a JSON object into its fields' JSON values."""
    # bytes(): a Raw is a view that would keep the whole message alive.
    return {name: bytes(value) for name, value in _decoder.decode(row).items()}


def encode_row(fields: Mapping[str, bytes | msgspec.Raw]) -> bytes:
    """Join fields to a JSON object: known ones in row order, unknown ones after them by name."""
    parts = [label + fields[name] for name, label in _LABEL.items() if name in fields]
    if len(parts) < len(fields):
        unknown = sorted(fields.keys() - _RANK.keys())
        parts += [msgspec.json.encode(name) + b":" + fields[name] for name in unknown]
    return b"{" + b",".join(parts) + b"}"


def patch(fields: Mapping[str, bytes], changes: Mapping[str, bytes]) -> Fields:
    """Return the fields after a diff's `set`: null means that the field became unknown."""
    patched = {**fields, **changes}
    if NULL in changes.values():
        return {name: value for name, value in patched.items() if value != NULL}
    return patched


def patch_row(row: bytes, changes: Mapping[str, bytes]) -> tuple[bytes, int]:
    """Return what `encode_row` and `row_hash` give of a row (JSON, as joined here) after `patch`.

    No value is copied on the way: 5 µs instead of 13.
    """
    fields = _decoder.decode(row)
    in_order = True
    for name, value in changes.items():
        if value == NULL:
            fields.pop(name, None)
        else:
            in_order = in_order and name in fields
            fields[name] = msgspec.Raw(value)
    return _encoder.encode(fields) if in_order else encode_row(fields), row_hash(fields)


def row_hash(fields: Mapping[str, bytes | msgspec.Raw]) -> int:
    """Return the 64-bit hash of a row: blake2b over its sorted fields and stored bytes."""
    parts = [label + fields[name] for name, label in _HASHED if name in fields]
    if len(parts) < len(fields):  # a newer version's fields
        parts = [name.encode() + b"=" + fields[name] for name in sorted(fields)]
    return int.from_bytes(hashlib.blake2b(b"\n".join(parts), digest_size=8).digest(), "big")


def add_to_digest(digest: int, *, plus: int = 0, minus: int = 0) -> int:
    """Return a state's digest (the sum of its row hashes modulo 2^64) after a row changed."""
    return (digest + plus - minus) & _MASK


def format_digest(digest: int) -> str:
    """Return a digest as messages and `state:meta` carry it: 16 hex digits."""
    return f"{digest:016x}"


def text(value: bytes) -> str:
    """Decode a field that is a JSON string."""
    return msgspec.json.decode(value, type=str)
