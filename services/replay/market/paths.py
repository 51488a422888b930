"""Whole paths of prices and volumes at once, as `moves.py` gives them moment by moment.

A day of minutes of one token is 5,761 prices: 60 ms one by one, 1 ms as arrays.
"""

from __future__ import annotations

from math import pi, sin
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from services.replay.market import moves
from services.replay.market.model import HOUR_MS, MarketToken, Pool
from services.replay.market.noise import uniform

Times: TypeAlias = npt.NDArray[np.int64]  # Unix ms
Floats: TypeAlias = npt.NDArray[np.float64]

_LOOKS: Final = 4  # prices looked at within one bar, besides its close
_LOOKS_OF_A_DAY: Final = 24
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


class Bar(NamedTuple):
    """One interval; `t` is its start in Unix seconds, the volume is of all pools, in USD."""

    t: int
    o: float
    h: float
    l: float  # noqa: E741 - the market's word
    c: float
    volume: float


def _normals(key: int, places: npt.NDArray[np.int64]) -> Floats:
    """Return `noise.normal` of many places; 64-bit integers wrap as they do there."""
    with np.errstate(over="ignore"):
        z = np.uint64(key & ((1 << 64) - 1)) + places.astype(np.uint64) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    parts = [(z >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48)]
    total: Floats = sum(part.astype(np.float64) for part in parts) + np.zeros(len(z))
    return (total / 65_536 - 2) * 1.7320508


def _smooth(key: int, at: Floats) -> Floats:
    """Return `noise.smooth` of many moments in order."""
    places = np.floor(at).astype(np.int64)
    first = int(places[0])
    normals = _normals(key, np.arange(first, int(places[-1]) + 2))
    part = at - places
    ease = part * part * (3 - 2 * part)
    before = normals[places - first]
    found: Floats = before + (normals[places - first + 1] - before) * ease
    return found


def prices(token: MarketToken, at_ms: Times) -> Floats:
    """Return `moves.price` of many moments, in order."""
    if token.launch and token.born_ms:  # its curve is short, and has no form as an array
        return np.array([moves.price(token, int(at)) for at in at_ms])
    traded = _traded(token, np.maximum(at_ms, token.born_ms))
    walk = np.zeros(len(traded))
    for index, (step, weight) in enumerate(moves.SCALES):
        walk += weight * _smooth(token.key + index, traded / step)
    moved = np.exp(token.volatility * walk + _spikes(token, traded))
    if token.drained_ms:
        moved = np.where(traded >= token.drained_ms, moved * moves.DRAINED, moved)
    found: Floats = token.price * moved
    return found


def _traded(token: MarketToken, at_ms: Times) -> Times:
    """Return the last moments up to these at which the price could move."""
    if token.dies_ms:
        at_ms = np.minimum(at_ms, token.dies_ms)
    traded = at_ms.copy()
    hours = at_ms // HOUR_MS
    for hour in range(int(hours[0]), int(hours[-1]) + 1):
        if moves.lull(token, hour):
            traded[hours == hour] = moves.last_traded_ms(token, hour * HOUR_MS)
    return traded


def _spikes(token: MarketToken, at_ms: Times) -> Floats:
    found = np.zeros(len(at_ms))
    if token.quote:
        return found
    places = at_ms // moves.SPIKE_MS
    for place in np.unique(places).tolist():
        if uniform(token.key ^ 0x51, place) < moves.SPIKE_CHANCE:
            for index in np.flatnonzero(places == place).tolist():
                found[index] = moves.spike(token, int(at_ms[index]))
    return found


def bars(
    token: MarketToken, pools: tuple[Pool, ...], from_s: int, to_s: int, step_s: int
) -> list[Bar]:
    """Return the bars that begin within [from_s, to_s), sorted, from the token's birth on.

    Prices are the token's, volumes those of the pools.
    `from_s` and `step_s` are whole steps; a step divides an hour, or is made of whole hours.
    """
    born_s = -(-token.born_ms // 1000 // step_s) * step_s
    starts = np.arange(max(from_s, born_s), to_s, step_s, dtype=np.int64)
    if not len(starts):
        return []
    looks = _LOOKS_OF_A_DAY if step_s >= 86_400 else _LOOKS
    inner = np.arange(looks, dtype=np.int64) * (step_s * 1000 // looks)
    moments = (starts[:, None] * 1000 + inner[None, :]).ravel()
    path = prices(token, np.append(moments, (int(starts[-1]) + step_s) * 1000))
    inside = path[:-1].reshape(len(starts), looks)
    closes = path[looks::looks]
    highs, lows = np.maximum(inside.max(1), closes), np.minimum(inside.min(1), closes)
    traded = np.zeros(len(starts))
    for pool in pools:
        traded += volumes(pool, starts * 1000, step_s * 1000)
    columns = (starts, inside[:, 0], highs, lows, closes, traded)
    return [Bar(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def volumes(pool: Pool, starts_ms: Times, step_ms: int) -> Floats:
    """Return `moves.volume_between` of many intervals of one length, in order."""
    found = np.zeros(len(starts_ms))
    if step_ms >= HOUR_MS:  # there are few of them
        found[:] = [moves.volume_between(pool, int(start), step_ms) for start in starts_ms]
        return found
    hours, begins = np.unique(starts_ms // HOUR_MS, return_index=True)
    for hour, within in zip(
        hours.tolist(), np.split(np.arange(len(found)), begins[1:]), strict=True
    ):
        volume = moves.hour_volume(pool, hour)
        if volume:
            parts = (starts_ms[within] - hour * HOUR_MS) / HOUR_MS
            shares = _shares(pool, hour, parts + step_ms / HOUR_MS) - _shares(pool, hour, parts)
            found[within] = np.maximum(0.0, volume * shares)
    end_ms = moves.end_ms(pool)
    found[starts_ms < pool.created_ms] = 0.0
    if end_ms:
        found[starts_ms >= end_ms] = 0.0
    return found


def _shares(pool: Pool, hour: int, parts: Floats) -> Floats:
    """Return `moves.hour_share` of many parts of one hour."""
    shares: Floats = parts.copy()
    for weight, turns, angle in moves.waves(pool, hour):
        shares += weight * (np.sin(2 * pi * turns * parts + angle) - sin(angle))
    return shares
