"""Merging within one source (docs/DATA.md): per field, and per pool, the newest reading stays.

All functions are pure. `merge` is commutative, associative and idempotent, so neither the order of
the readings, nor their repetition, nor where a window ended, nor a restart can be seen in a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import copysign
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, MsgspecError, Raw, Struct, UnsetType
from msgspec.structs import astuple, replace

from shared.chains import canonical_chain
from shared.errors import PipelineError
from shared.merge.policy import MergeRules
from shared.model import (
    DETAIL_FIELDS,
    LINK_KINDS,
    READING_FIELDS,
    SIGNAL_FIELDS,
    Figures,
    Links,
    PoolReading,
    Reading,
    Seen,
)
from shared.spellings import canonical_address

Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Scalar | dict[str, str]  # links by kind

# No token on a decentralised exchange is older than Ethereum's first block (2015-07-30). What is
# below is a time in seconds, or nonsense.
FIRST_BLOCK_MS: Final = 1_438_269_973_000
CLOCK_SKEW_MS: Final = 5_000  # by how much the clocks of a producer and ours may differ
# Known liquidity below this (USD) makes a pool dead: it sets nothing and adds nothing.
DEAD_LIQUIDITY: Final = 1.0


class ReadingError(PipelineError):
    """A reading that cannot be used. `reason` is one of a few words, fit to count by."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail[:200]}")
        self.reason = reason


class Stamped(Struct, frozen=True, array_like=True, gc=False):
    """A field's value and when the source saw it; None says "no longer known"."""

    value: Value
    observed_ms: int


class StampedPool(Struct, frozen=True, array_like=True, gc=False):
    """A pool, whole, when the source saw it, and when the time before that; 0: never."""

    pool: PoolReading
    observed_ms: int
    before_ms: int = 0


class SourceReading(Struct, frozen=True, omit_defaults=True, gc=False):
    """All that one source says of one token: fields by name, pools by address.

    `signals` are apart from the other fields, because most tokens have none and every merge looks
    at the fields. What is reported of a stage is kept for each stage on its own, under
    `stage.<stage>`; `stage` itself says when all of it was withdrawn. Likewise each exchange that
    the token was seen to have moved on to, under `moved_to.<exchange>`.

    Its JSON is the value in `reading:<id>`: `{"fields":{"price":[1.5,1790000000000]},
    "pools":{"<address>":[{"pool_address":…},1790000000000,1789999998000]},
    "signals":{"stage.curve":["curve",1790000000000]}}`.
    """

    fields: dict[str, Stamped] = {}
    pools: dict[str, StampedPool] = {}
    signals: dict[str, Stamped] = {}


T = TypeVar("T", bound=Struct)
U = TypeVar("U")
_EMPTY: Final = SourceReading()
_GIVEN: Final = slice(len(Seen.__struct_fields__), len(Figures.__struct_fields__))
_SIGNALS: Final = frozenset(SIGNAL_FIELDS)
MOVED_TO: Final = "moved_to."
_reading_decoder: Final = msgspec.json.Decoder(Reading)
_stored_decoder: Final = msgspec.json.Decoder(SourceReading)
# Sorted keys: equal readings have equal bytes, whatever order they came in.
_stored_encoder: Final = msgspec.json.Encoder(order="deterministic")
_pool_encoder: Final = msgspec.json.Encoder()
_value_encoder: Final = msgspec.json.Encoder(order="deterministic")


# -- reading one message --------------------------------------------------------------------------
def decode_reading(raw: bytes | Raw, received_ms: int) -> Reading:
    """Return one token of a batch, strictly checked and in canonical form.

    A time of observation in the future becomes `received_ms`. A time of creation or graduation in
    the future is not known; when clocks may differ by so much, it is that of the observation. A
    pool whose address cannot be one is left out; of a pool that is there twice the deeper is kept.
    Raises ReadingError: `malformed` (not JSON), `invalid` (type or
    range), `chain`, `address`.
    """
    try:
        reading = _reading_decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise ReadingError("invalid", str(error)) from None
    except (MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReadingError("malformed", str(error)) from None
    chain = canonical_chain(reading.chain)
    if chain is None:
        raise ReadingError("chain", repr(reading.chain[:32]))
    address = canonical_address(chain, reading.token_address)
    if address is None:
        raise ReadingError("address", repr(reading.token_address[:64]))
    reading = _without_negative_zero(reading)
    observed_ms = min(reading.observed_ms, received_ms)
    return replace(
        reading,
        chain=chain,
        token_address=address,
        observed_ms=observed_ms,
        created_ms=_past(reading.created_ms, observed_ms, received_ms, UNSET),
        graduated_ms=_past(reading.graduated_ms, observed_ms, received_ms, UNSET),
        pools=(
            _canonical_pools(chain, reading.pools, observed_ms, received_ms)
            if reading.pools
            else ()
        ),
    )


def _past(
    time_ms: int | U | None, observed_ms: int, received_ms: int, unknown: U
) -> int | U | None:
    """Return a time that is not in the future; otherwise `unknown`.

    A token that was made a moment ago is often read by a clock that is a little ahead.
    """
    if not isinstance(time_ms, int):
        return time_ms
    if observed_ms < time_ms <= observed_ms + CLOCK_SKEW_MS:
        return observed_ms
    return time_ms if time_ms <= received_ms else unknown


def _canonical_pools(
    chain: str, pools: tuple[PoolReading, ...], observed_ms: int, received_ms: int
) -> tuple[PoolReading, ...]:
    """Return the pools with canonical addresses, each address once."""
    kept: dict[str, PoolReading] = {}
    for given in pools:
        address = canonical_address(chain, given.pool_address)
        if address is None:
            continue
        pool = _without_negative_zero(given)
        if address != pool.pool_address:
            pool = replace(pool, pool_address=address)
        created_ms = _past(pool.created_ms, observed_ms, received_ms, None)
        if created_ms != pool.created_ms:
            pool = replace(pool, created_ms=created_ms)
        held = kept.get(address)
        if held is None or _pool_key(pool) > _pool_key(held):
            kept[address] = pool
    return tuple(kept.values())


def _without_negative_zero(struct: T) -> T:
    """Return the struct with every -0.0 made 0.0: equal, but not in JSON or in a digest."""
    values = astuple(struct)
    if 0 not in values:  # the usual case, at the speed of C
        return struct
    fixed = {
        name: 0.0
        for name, value in zip(struct.__struct_fields__, values, strict=True)
        if type(value) is float and value == 0 and copysign(1, value) < 0
    }
    return replace(struct, **fixed) if fixed else struct


# -- merging --------------------------------------------------------------------------------------
def merge_reading(before: SourceReading | None, reading: Reading) -> SourceReading:
    """Return what the source says after this reading; `before` itself when that is nothing new."""
    held = _EMPTY if before is None else before
    at_ms = reading.observed_ms
    fields: dict[str, Stamped] | None = None
    signals: dict[str, Stamped] | None = None
    # 60 fields of which most are not given: at the speed of C.
    for name, value in zip(READING_FIELDS, astuple(reading)[_GIVEN], strict=True):
        if value is UNSET:
            continue
        if name in _SIGNALS:
            key, stated = stored_as(name, value)
            old = held.signals.get(key)
            if old is None or _newer_value(stated, at_ms, old):
                if signals is None:
                    signals = dict(held.signals)
                signals[key] = Stamped(stated, at_ms)
            continue
        old = held.fields.get(name)
        if old is None or _newer_value(value, at_ms, old):
            if fields is None:
                fields = dict(held.fields)
            fields[name] = Stamped(value, at_ms)
    if reading.moved_to or reading.detail is not UNSET:
        signals = _with_detail(held.signals if signals is None else signals, reading)
        signals = None if signals is held.signals else signals
    pools = _with_pools(held.pools, reading) if reading.pools else held.pools
    if fields is None and signals is None and pools is held.pools:
        return held
    return SourceReading(
        held.fields if fields is None else fields,
        pools,
        held.signals if signals is None else signals,
    )


def stored_as(name: str, value: Any) -> tuple[str, Value]:  # noqa: ANN401 - a field's value
    """Return under which name a signal is kept, and as what."""
    if name == "stage" and value is not None:
        return f"stage.{value}", value
    if type(value) is Links:
        urls = ((kind, getattr(value, kind)) for kind in LINK_KINDS)
        return name, {kind: url for kind, url in urls if url is not None} or None
    return name, value


def _with_detail(held: dict[str, Stamped], reading: Reading) -> dict[str, Stamped]:
    """Return the signals with what is not of the row itself; the same ones when nothing is new."""
    reported: list[tuple[str, Value]] = [(f"{MOVED_TO}{each}", each) for each in reading.moved_to]
    if not isinstance(reading.detail, UnsetType):
        given = zip(DETAIL_FIELDS, astuple(reading.detail), strict=True)
        reported += [(name, value) for name, value in given if value is not UNSET]
    new = {
        name: Stamped(value, reading.observed_ms)
        for name, value in reported
        if (old := held.get(name)) is None or _newer_value(value, reading.observed_ms, old)
    }
    return {**held, **new} if new else held


def _with_pools(known: dict[str, StampedPool], reading: Reading) -> dict[str, StampedPool]:
    """Return the pools after a reading; the same ones when it is nothing new."""
    pools: dict[str, StampedPool] | None = None
    at_ms = reading.observed_ms
    for pool in reading.pools:
        address = pool.pool_address
        old_pool, new_pool = (
            known.get(address) if pools is None else pools.get(address),
            StampedPool(pool, at_ms),
        )
        joined = new_pool if old_pool is None else _join(old_pool, new_pool)
        if joined is not old_pool:
            if pools is None:
                pools = dict(known)
            pools[address] = joined
    return known if pools is None else pools


def merge(a: SourceReading, b: SourceReading) -> SourceReading:
    """Return what one source says after both; `a` itself when `b` adds nothing."""
    fields, signals = _newer(a.fields, b.fields), _newer(a.signals, b.signals)
    pools = {}
    for address, pool in b.pools.items():
        held = a.pools.get(address)
        joined = pool if held is None else _join(held, pool)
        if joined is not held:
            pools[address] = joined
    if not fields and not pools and not signals:
        return a
    return SourceReading({**a.fields, **fields}, {**a.pools, **pools}, {**a.signals, **signals})


def _newer(held: Mapping[str, Stamped], other: Mapping[str, Stamped]) -> dict[str, Stamped]:
    """Return what of the other is newer than what is held."""
    return {
        name: new
        for name, new in other.items()
        if (old := held.get(name)) is None or _newer_value(new.value, new.observed_ms, old)
    }


def _newer_value(value: Value, observed_ms: int, old: Stamped) -> bool:
    if observed_ms != old.observed_ms:
        return observed_ms > old.observed_ms
    return value != old.value and _value_key(value) > _value_key(old.value)


def _value_key(value: Value) -> tuple[int, float, str]:
    """Order two values of one time: null is the least, then numbers, then text.

    Of true and false, false is the greater: of what keeps people safe it is the worse.
    """
    if value is None:
        return (0, 0, "")
    if isinstance(value, bool):
        return (1, not value, "")
    if isinstance(value, dict):
        return (2, 0, _value_encoder.encode(value).decode())
    return (2, 0, value) if isinstance(value, str) else (1, value, "")


def _join(held: StampedPool, other: StampedPool) -> StampedPool:
    """Return the newer of two sightings of a pool with the two last times; `held` if it is both."""
    if other.observed_ms > held.observed_ms >= other.before_ms:  # the usual case
        return StampedPool(other.pool, other.observed_ms, held.observed_ms)
    wins = _newer_pool(other.pool, other.observed_ms, held)
    newest_ms = max(held.observed_ms, other.observed_ms)
    times = (held.observed_ms, held.before_ms, other.observed_ms, other.before_ms)
    before_ms = max((at_ms for at_ms in times if at_ms < newest_ms), default=0)
    if not wins and before_ms == held.before_ms:
        return held
    return StampedPool(other.pool if wins else held.pool, newest_ms, before_ms)


def _newer_pool(pool: PoolReading, observed_ms: int, old: StampedPool) -> bool:
    if observed_ms != old.observed_ms:
        return observed_ms > old.observed_ms
    return pool != old.pool and _pool_key(pool) > _pool_key(old.pool)


def _pool_key(pool: PoolReading) -> tuple[float, bytes]:
    """Order two views of one pool at one time: the deeper is the greater, then its bytes."""
    return (-1.0 if pool.liquidity is None else pool.liquidity, _pool_encoder.encode(pool))


# -- keeping --------------------------------------------------------------------------------------
def prune(reading: SourceReading, now_ms: int, rules: MergeRules) -> SourceReading:
    """Return the reading without pools that no later merge can use; itself when there are none.

    Kept are the pools that are fresh, those that were the last to be fresh (a stale row shows
    them), and the one that shows since when the token is traded.
    """
    if not reading.pools:
        return reading
    newest_ms = max(pool.observed_ms for pool in reading.pools.values())
    bound_ms = min(now_ms - rules.sums_stale_ms, newest_ms - 1)
    kept = {a: pool for a, pool in reading.pools.items() if pool.observed_ms > bound_ms}
    if len(kept) == len(reading.pools):
        return reading
    born = [(ms, a) for a, pool in reading.pools.items() if (ms := pool_created_ms(pool))]
    if born:
        oldest = min(born)[1]
        kept[oldest] = reading.pools[oldest]
        if len(kept) == len(reading.pools):
            return reading
    return SourceReading(reading.fields, kept, reading.signals)


def is_dead(pool: PoolReading) -> bool:
    """Return whether a pool is known to hold next to nothing."""
    return pool.liquidity is not None and pool.liquidity < DEAD_LIQUIDITY


def token_created_ms(stamped: Stamped) -> int | None:
    """Return a token's time of creation if it can be true, else None."""
    created_ms = stamped.value
    if not isinstance(created_ms, int):
        return None
    return created_ms if FIRST_BLOCK_MS <= created_ms <= stamped.observed_ms else None


def pool_created_ms(stamped: StampedPool) -> int | None:
    """Return the time of a live pool's creation if it can be true, else None."""
    pool = stamped.pool
    created_ms, liquidity = pool.created_ms, pool.liquidity
    if created_ms is None or (liquidity is not None and liquidity < DEAD_LIQUIDITY):
        return None
    return created_ms if FIRST_BLOCK_MS <= created_ms <= stamped.observed_ms else None


# -- the store's form -----------------------------------------------------------------------------
def encode_source_reading(reading: SourceReading) -> bytes:
    """Return the JSON that `reading:<id>` holds; equal readings give equal bytes."""
    return _stored_encoder.encode(reading)


def decode_source_reading(raw: bytes) -> SourceReading:
    """Return a stored reading; raises ReadingError `stored` when it cannot be read."""
    try:
        return _stored_decoder.decode(raw)
    except (MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReadingError("stored", str(error)) from None
