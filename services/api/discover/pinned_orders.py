"""Pinned orders: what a cursor walks through from its second page on (docs/HTTP.md, "The list").

An order is one string in Redis: a head of 16 bytes (epoch hash, version) and the 8-byte hashes of
all ids in order. All walkers of a list who come within a second share one; it lives as long as
somebody reads it, and at most PINNED_MAX are alive at a time: then who pins another ends the walk
that was left alone for longest, if that is IDLE_MS.
"""

from __future__ import annotations

import math
import secrets
import struct
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from services.api.discover.cursor import HASH_BYTES, epoch_hash, split_hashes
from services.api.discover.lists import order_of
from services.api.discover.query import DiscoverQuery
from services.api.live import Live
from shared.edge.http.problem import Problem
from shared.edge.http.storage import storage, unavailable
from shared.edge.http.visitors import Paying
from shared.keys import VIEW_MS, Keys
from shared.redis.connect import Redis
from shared.redis.script import Script
from shared.state.replica import Replica

PINNED_MAX: Final = 64
IDLE_MS: Final = 10_000
SHARE_S: Final = 1.0
_HEAD: Final = struct.Struct(">8sQ")
_PIN, _WALK = (Script(name, package="services.api.discover.scripts") for name in ("pin", "walk"))


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of a pinned order."""

    version: int  # of the order
    entries: tuple[bytes, ...]
    total: int  # entries of the whole order


@dataclass(frozen=True, slots=True)
class _Pinned:
    name: bytes
    epoch: str
    version: int
    until: float  # of this process's monotonic clock


class PinnedOrders:
    """The pinned orders under one prefix."""

    def __init__(
        self, redis: Redis, keys: Keys, live: Live, secret: bytes | None, *, per_address: int = 0
    ) -> None:
        self._redis: Any = redis  # replies are bytes; its types name every way of decoding
        self._keys = keys
        self._live = live
        self._given_secret = secret
        self._own_secret = secrets.token_bytes(32)
        self._secret: tuple[str, bytes] = ("", b"")  # of an epoch: a new store knows no old key
        self._recent: dict[bytes, _Pinned] = {}
        self._per_address = per_address
        self._walks: dict[bytes, tuple[str, float]] = {}  # order → who pinned it, when it was read

    async def secret(self) -> bytes:
        """Return the key that signs cursors, the same for all replicas of the api."""
        if self._given_secret is not None:
            return self._given_secret
        epoch = self._live.replica.epoch
        if self._secret[0] != epoch or not epoch:
            try:
                self._secret = (epoch, await self._shared_secret())
            except Problem as problem:
                if problem.code not in {"storage_full", "storage_readonly"}:
                    raise
                return self._own_secret  # pages stay readable; such a cursor ends with the trouble
        return self._secret[1]

    async def _shared_secret(self) -> bytes:
        """Return the key in the store, made by the first replica that needs it."""
        key = self._keys.cursor_secret
        async with storage():
            shared = await self._redis.get(key)
            if shared is None:
                await self._redis.set(key, secrets.token_hex(32), nx=True)
                shared = await self._redis.get(key)
        if shared is None:
            raise unavailable()
        return bytes(shared)

    async def pin(
        self,
        query: DiscoverQuery,
        replica: Replica,
        at_least: int,
        address: str = "",
        paying: Paying = nullcontext,
    ) -> bytes:
        """Return the name of an order at or after version `at_least`, pinned now or just before.

        Raises Problem 429 when as many as allowed are alive, of all or of a client address.
        """
        now = time.monotonic()
        self._recent = {b: p for b, p in self._recent.items() if p.until > now}
        recent = self._recent.get(query.binding())
        if recent and recent.epoch == replica.epoch and recent.version >= at_least:
            return recent.name
        self._check_share(address, now)
        with paying():
            order = order_of(self._live, replica, query)
            packed = b"".join(map(self._live.hash_of.__getitem__, order))
        pinned = _Pinned(secrets.token_bytes(16), replica.epoch, replica.version, now + SHARE_S)
        name = pinned.name.hex()
        head = _HEAD.pack(epoch_hash(pinned.epoch), pinned.version)
        async with storage():
            busy_ms = await _PIN(
                self._redis,
                [self._keys.views, self._keys.view(name)],
                [name, head + packed, VIEW_MS, PINNED_MAX, IDLE_MS, self._keys.view("")],
            )
        if busy_ms:
            detail = f"{PINNED_MAX} walks are under way, which is as many as are kept"
            after_s = math.ceil(busy_ms / 1000)
            raise Problem(429, "too_many_walks", detail, retry_after_s=after_s)
        self._recent[query.binding()] = pinned
        self._walks[pinned.name] = (address, now)
        return pinned.name

    def _check_share(self, address: str, now: float) -> None:
        """Leave walks to others. Raises Problem 429."""
        alive = now - IDLE_MS / 1000
        self._walks = {name: walk for name, walk in self._walks.items() if walk[1] > alive}
        share = self._per_address
        if share and sum(walk[0] == address for walk in self._walks.values()) >= share:
            detail = f"one address may have {share} walks under way"
            raise Problem(429, "too_many_walks", detail, retry_after_s=IDLE_MS // 1000)

    async def read(
        self, name: bytes, start: int, count: int, paying: Paying = nullcontext
    ) -> Part | None:
        """Return entries of a pinned order, or None when it is no longer alive."""
        first = _HEAD.size + start * HASH_BYTES
        args = [name.hex(), VIEW_MS, _HEAD.size, first, first + count * HASH_BYTES - 1]
        async with storage():
            reply = await _WALK(self._redis, [self._keys.views, self._keys.view(name.hex())], args)
        if reply is None:
            return None
        if name in self._walks:
            self._walks[name] = (self._walks[name][0], time.monotonic())
        size, head, packed = reply
        _, version = _HEAD.unpack(head)
        with paying():
            entries = split_hashes(packed)
        return Part(version, entries, (size - _HEAD.size) // HASH_BYTES)
