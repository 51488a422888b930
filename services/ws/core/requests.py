"""Requests of a client: text in, one of the protocol's structs out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from dexwire.stream.messages import (
    CLIENT_FRAMES,
    Echo,
    ErrorCode,
    Ident,
    Request,
    Since,
    Version,
    tag_of,
)

Fields: TypeAlias = Mapping[str, Raw]
_NULL: Final = Raw(b"null")
_QUOTED: Final = 64  # characters of the input that an error repeats
_EXPLAINED: Final = 200  # characters of the decoder's message
_OPS: Final = frozenset(map(tag_of, CLIENT_FRAMES))
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_id: Final = msgspec.json.Decoder(Ident).decode
_decode_op: Final = msgspec.json.Decoder(str).decode
_decode_request: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
# The fields that say what a client holds: a fault in them has a code of its own.
_HELD: Final = {
    "sub": ("since", msgspec.json.Decoder(Since | None).decode),
    "resume": ("topics", msgspec.json.Decoder(dict[str, Version]).decode),
}


class BadMessage(ValueError):
    """A message is answered with an `err`; `code` is the protocol's."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code: ErrorCode = code


def fields_of(text: str) -> Fields:
    """Return a message's fields, undecoded. Raises BadMessage."""
    try:
        return _decode_fields(text)
    except (msgspec.MsgspecError, RecursionError):
        raise BadMessage("bad_json", "not a JSON object") from None


def ident_of(fields: Fields) -> Echo:
    """Return what an answer repeats; UNSET when the message has none. Raises BadMessage."""
    try:
        ident = _decode_id(fields.get("id", _NULL))
    except msgspec.MsgspecError:
        raise BadMessage("bad_request", "id must be an integer or a short string") from None
    return UNSET if ident is None else ident


def request_of(text: str, fields: Fields) -> Request:
    """Return the request that a message is; `fields` are its own. Raises BadMessage."""
    op = _op_of(fields)
    if op not in _OPS:
        raise BadMessage("bad_op", f"unknown op '{op[:_QUOTED]}'")
    try:
        return _decode_request.decode(text)
    except msgspec.MsgspecError as error:
        _check_held(op, fields)
        raise BadMessage("bad_request", str(error)[:_EXPLAINED]) from None


def _op_of(fields: Fields) -> str:
    try:
        return _decode_op(fields.get("op", _NULL))
    except msgspec.MsgspecError:
        raise BadMessage("bad_op", "op must be a string") from None


def _check_held(op: str, fields: Fields) -> None:
    name, decode = _HELD.get(op, ("", None))
    if decode is None or name not in fields:
        return
    try:
        decode(fields[name])
    except msgspec.MsgspecError as error:
        raise BadMessage("bad_since", str(error)[:_EXPLAINED]) from None
