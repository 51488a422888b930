"""Messages on `state_changes` (docs/DATA.md, "Redis keys"): what a commit and a heartbeat say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from shared.model import SCHEMA

# Batch id → reason → indices into the batch's tokens.
Refused: TypeAlias = Mapping[str, Mapping[str, list[int]]]


class NativePrice(Struct, frozen=True, array_like=True, gc=False):
    """The USD price of a chain's own coin, and when a source last saw it."""

    price: float
    observed_ms: int


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
    native: dict[str, NativePrice | None] = {}  # changed ones by chain; null = became unknown
    acks: list[str] = []  # batches whose last reading is in this commit
    refused: Refused = {}  # what the aggregator did not take of them
    digest: str  # of the state at v
    horizon: int = 0  # removals at or below this version are forgotten
    seeding: bool = False  # true until a new epoch holds everything


class Alert(Struct, frozen=True, kw_only=True):
    """One entry of a commit's `ev`.

    `price` and `volume`: a figure has crossed a level of its change over a window. `listed`: the
    token's row is new. `graduated`: its stage became that. Those two have no figures.
    """

    i: str  # `<version>.<n>`: its n-th event; unique within an epoch
    type: Literal["price", "volume", "listed", "graduated"]
    id: str
    w: str | UnsetType = UNSET  # window
    dir: Literal["up", "down"] | UnsetType = UNSET
    chg: float | UnsetType = UNSET  # percent of `from`, signed, two decimals
    from_: float | UnsetType = msgspec.field(name="from", default=UNSET)  # one window ago
    to: float | UnsetType = UNSET  # committed now
    lvl: int | UnsetType = UNSET  # 1-4
    token_name: str | UnsetType = UNSET  # as the row says with this commit; absent: unknown
    token_ticker: str | UnsetType = UNSET


class Heartbeat(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="hb"):
    """The active aggregator is alive; the state is at version `v`."""

    schema: Literal[1] = SCHEMA
    e: str
    v: int
    ts: int
    digest: str
    seeding: bool = False


_encoder = msgspec.json.Encoder()
T = TypeVar("T")
_decoder: msgspec.json.Decoder[Commit | Heartbeat] = msgspec.json.Decoder(Commit | Heartbeat)
# omit_defaults leaves `schema` out; it is written nevertheless, so that a reader can refuse.
_HEAD = b'{"schema":1,'


def encode(message: Commit | Heartbeat) -> bytes:
    """Return the bytes that are logged and published."""
    return _HEAD + _encoder.encode(message)[1:]


def decode(data: bytes) -> Commit | Heartbeat:
    """Decode a message.

    Raises msgspec.MsgspecError (a ValueError) or UnicodeDecodeError when it is none of ours.
    """
    return _decoded(_decoder, data)


_alert_decoder = msgspec.json.Decoder(Alert)


def encode_alert(alert: Alert) -> bytes:
    """Return an entry of `ev`."""
    return _encoder.encode(alert)


def decode_alert(data: bytes | Raw) -> Alert:
    """Decode an entry of `ev`. Raises msgspec.MsgspecError (a ValueError)."""
    return _decoded(_alert_decoder, data)


_natives_decoder = msgspec.json.Decoder(dict[str, NativePrice])


def encode_natives(prices: Mapping[str, NativePrice]) -> bytes:
    """Return the JSON that `state:meta` holds of the prices of the chains' own coins."""
    return _encoder.encode(dict(sorted(prices.items())))


def decode_natives(data: bytes | None) -> dict[str, NativePrice]:
    """Decode what `encode_natives` gave; of nothing, and of what is none of ours, nothing."""
    try:
        return _decoded(_natives_decoder, data) if data else {}
    except ValueError:
        return {}


def change_natives(
    prices: Mapping[str, NativePrice], changes: Mapping[str, NativePrice | None]
) -> dict[str, NativePrice]:
    """Return the prices after a commit's changes."""
    changed = {**prices, **changes}
    return {chain: price for chain, price in changed.items() if price is not None}


def _decoded(decoder: msgspec.json.Decoder[T], data: bytes | Raw) -> T:
    """Decode, with one kind of error for all that cannot be: a ValueError."""
    try:
        return decoder.decode(data)
    except RecursionError:
        raise msgspec.DecodeError("nested too deep") from None
