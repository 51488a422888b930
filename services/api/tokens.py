"""`GET /tokens/{chain}/{address}`: one row, and what each source says of it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import MsgspecError, Raw, Struct
from starlette.types import Receive, Scope, Send

from services.api.answer import json_answer
from services.api.problem import Problem, clip
from services.api.query import parse_parameters
from services.api.storage import storage, warming
from shared.chains import canonical_address, canonical_chain, token_id
from shared.connect import Redis
from shared.keys import Keys
from shared.logs import get_logger
from shared.row import Fields, encode_row

log = get_logger(__name__)


class StoredReading(Struct, frozen=True):
    """What `reading:<id>` holds per source (docs/DATA.md): values and pools, each with its time.

    Only as much is decoded as is shown: values go through as they are.
    """

    fields: dict[str, tuple[Raw, int]] = {}
    pools: dict[str, tuple[dict[str, Raw], int]] = {}


_decoder: Final = msgspec.json.Decoder(StoredReading)
_META: Final = ("epoch", "version", "committed_ms", "seeding")


class Token:
    """The endpoint."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis: Any = redis  # its reply types name every way of decoding
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem: 400 for what cannot be a token, 404 for one not known here."""
        parse_parameters(scope["query_string"], ())
        params = scope["path_params"]
        wanted = parse_token(params["chain"], params["address"])
        async with storage():
            time_us, meta, row, readings = await self._read(wanted)
        epoch, version, committed_ms, seeding = meta
        if epoch is None or seeding:
            raise warming()
        if not row:
            raise Problem(404, "unknown_token", f"{clip(wanted)} is not known here")
        now_ms = int(time_us[0]) * 1000 + int(time_us[1]) // 1000
        content = {
            "epoch": epoch.decode(),
            "version": int(version),
            "as_of_ms": int(committed_ms),
            "token": Raw(encode_row(_named(row))),
            **describe(_named(readings), now_ms),
        }
        await json_answer(200, content)(scope, receive, send)

    async def _read(self, wanted: str) -> Any:  # noqa: ANN401 - one reply per command
        pipe = self._redis.pipeline(transaction=True)  # all of one exact state
        pipe.time()
        pipe.hmget(self._keys.meta, _META)
        pipe.hgetall(self._keys.token(wanted))
        pipe.hgetall(self._keys.reading(wanted))
        return await pipe.execute()


def parse_token(chain: str, address: str) -> str:
    """Return the token id that a path names. Raises Problem 400."""
    canonical = canonical_chain(chain)
    if canonical is None:
        raise Problem(400, "bad_chain", f"{clip(chain)!r} cannot be a chain", param="chain")
    known_as = canonical_address(address)
    if known_as is None:
        detail = f"{clip(address)!r} cannot be an address"
        raise Problem(400, "bad_address", detail, param="address")
    return token_id(canonical, known_as)


def describe(readings: Fields, now_ms: int) -> dict[str, Any]:
    """Return what is shown of the stored readings: per source its fields, and the pools.

    Every value and every pool comes with its own time; a source's is its newest.
    """
    sources: dict[str, Any] = {}
    pools: list[dict[str, Any]] = []
    for source, raw in sorted(readings.items()):
        try:
            stored = _decoder.decode(raw)
        except (MsgspecError, UnicodeDecodeError) as error:
            log.warning("reading_malformed", source=source[:64], error=str(error)[:200])
            continue
        times = [ms for _, ms in (*stored.fields.values(), *stored.pools.values())]
        observed_ms = max(times, default=0)
        sources[source] = {
            "observed_ms": observed_ms,
            "age_ms": max(0, now_ms - observed_ms),
            "fields": {
                name: {"value": value, "observed_ms": ms, "age_ms": max(0, now_ms - ms)}
                for name, (value, ms) in stored.fields.items()
            },
        }
        pools += [
            {**pool, "source": source, "observed_ms": ms, "age_ms": max(0, now_ms - ms)}
            for pool, ms in stored.pools.values()
        ]
    return {"readings": sources, "pools": pools}


def _named(found: dict[bytes, bytes]) -> Fields:
    return {name.decode("utf-8", "replace"): value for name, value in found.items()}
