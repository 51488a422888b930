"""Messages on `state_changes` (docs/DATA.md, "Redis keys"): what a commit and a heartbeat say."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Raw, Struct

from shared.model import SCHEMA


class Commit(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="d"):
    """One commit: the diff from version `pv` to version `v` of epoch `e`."""

    schema: Literal[1] = SCHEMA
    e: str
    pv: int
    v: int
    ts: int  # Unix ms of the commit, by the store's clock
    set: list[Raw] = []  # {"id", changed fields}; null = became unknown
    add: list[Raw] = []  # full rows, new or replaced
    del_: list[str] = msgspec.field(default_factory=list, name="del")
    ev: list[Raw] = []  # Alert
    acks: list[str] = []  # batches whose last reading is in this commit
    digest: str  # of the state at v
    horizon: int = 0  # removals at or below this version are forgotten
    seeding: bool = False  # true until a new epoch holds everything


class Alert(Struct, frozen=True, kw_only=True):
    """One entry of a commit's `ev`: a figure has crossed a level of its change over a window."""

    i: str  # `<version>.<n>`: its n-th event; unique within an epoch
    type: Literal["price", "volume"]
    id: str
    w: str  # window
    dir: Literal["up", "down"]
    chg: float  # percent of `from`, signed, two decimals
    from_: float = msgspec.field(name="from")  # committed one window ago
    to: float  # committed now
    lvl: int  # 1-4


class Heartbeat(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="hb"):
    """The active aggregator is alive; the state is at version `v`."""

    schema: Literal[1] = SCHEMA
    e: str
    v: int
    ts: int
    digest: str
    seeding: bool = False


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Commit | Heartbeat] = msgspec.json.Decoder(Commit | Heartbeat)
# omit_defaults leaves `schema` out; it is said nevertheless, so that a reader can refuse.
_HEAD = b'{"schema":1,'


def encode(message: Commit | Heartbeat) -> bytes:
    """Return the bytes that are logged and published."""
    return _HEAD + _encoder.encode(message)[1:]


def decode(data: bytes) -> Commit | Heartbeat:
    """Decode a message.

    Raises msgspec.MsgspecError (a ValueError) or UnicodeDecodeError when it is none of ours.
    """
    return _decoder.decode(data)


_alert_decoder = msgspec.json.Decoder(Alert)


def encode_alert(alert: Alert) -> bytes:
    """Return an entry of `ev`."""
    return _encoder.encode(alert)


def decode_alert(data: bytes | Raw) -> Alert:
    """Decode an entry of `ev`. Raises msgspec.MsgspecError (a ValueError)."""
    return _alert_decoder.decode(data)
