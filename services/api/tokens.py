"""`GET /tokens/{chain}/{address}`: one row, why it is so, and what each source says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Raw, structs
from starlette.types import Receive, Scope, Send

from services.api.discover.query import parse_parameters
from services.api.discover.quoting import parse_quote, quote_rows
from services.api.hints import did_you_mean, misspelt
from services.api.history.database import History
from services.api.history.own_figures import OwnFigures
from shared.chains import canonical_chain, split_token_id, token_id
from shared.edge.http.answer import json_answer
from shared.edge.http.problem import Problem, clip
from shared.edge.http.storage import storage, warming
from shared.keys import Keys
from shared.merge.explain import explain
from shared.merge.explained import FieldExplanation, PoolExplanation
from shared.merge.policy import MergeRules
from shared.merge.readings import ReadingError, SourceReading, decode_source_reading
from shared.process.logs import get_logger
from shared.redis.connect import Redis
from shared.spellings import canonical_address
from shared.state.messages import decode_natives
from shared.state.row import Fields, encode_row

log = get_logger(__name__)

_META: Final = ("epoch", "version", "committed_ms", "seeding", "native")


class TokenEndpoint:
    """The endpoint. `meant_chain` returns the known chain that a misspelt one was meant to be."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        rules: MergeRules,
        meant_chain: Callable[[str], str | None] = misspelt,
        own_figures: OwnFigures | None = None,
    ) -> None:
        self._meant_chain = meant_chain
        self._own = own_figures or OwnFigures(History(""))
        self._rules = rules
        self._redis: Any = redis  # its reply types name every way of decoding
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem: 400 for what cannot be a token, 404 for one not known here, 410
        with its last row for one that was removed.
        """  # noqa: D205
        given = parse_parameters(scope["query_string"], ("quote",))
        quote = parse_quote(given.get("quote"))
        params = scope["path_params"]
        wanted = parse_token(params["chain"], params["address"])
        async with storage():
            time_us, meta, row, readings = await self._read(wanted)
        epoch, version, committed_ms, seeding, native = meta
        if epoch is None or seeding:
            raise warming()
        if not row:
            raise await self._missing(wanted)
        now_ms = int(time_us[0]) * 1000 + int(time_us[1]) // 1000
        row_fields = _named(row)
        row_json = encode_row(row_fields)
        (token,), prices = quote_rows([row_json], quote, decode_natives(native))
        content = {
            "epoch": epoch.decode(),
            "version": int(version),
            "as_of_ms": int(committed_ms),
            "token": Raw(token),
            **describe(_named(readings), now_ms, self._rules),
        }
        if b'"copycat"' in row_fields.get("flags", b""):
            content["explanation"] = explain_copycat(content["explanation"])
        if prices is not None:
            content["native_prices"] = Raw(prices)
        own = await self._own.of(wanted, row_json)
        if own is not None:
            content["history"] = own
        await json_answer(200, content)(scope, receive, send)

    async def _missing(self, wanted: str) -> Problem:
        gone = await self._own.gone(wanted)
        if gone is None:
            return self._unknown(wanted)
        more: dict[str, Any] = {"gone_ms": gone.gone_ms}
        if gone.row:
            more["token"] = Raw(gone.row)
        return Problem(410, "gone", f"{clip(wanted)} was removed from the list", more=more)

    def _unknown(self, wanted: str) -> Problem:
        chain, _ = split_token_id(wanted)
        meant = self._meant_chain(chain)
        if meant is not None:
            return Problem(400, "bad_chain", did_you_mean(chain, meant), param="chain")
        return Problem(404, "unknown_token", f"{clip(wanted)} is not known here")

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
    known_as = canonical_address(canonical, address)
    if known_as is None:
        detail = f"{clip(address)!r} cannot be an address"
        raise Problem(400, "bad_address", detail, param="address")
    return token_id(canonical, known_as)


def explain_copycat(fields: Mapping[str, FieldExplanation]) -> dict[str, FieldExplanation]:
    """Return the explanations with the flag `copycat`, which no reading of the token explains."""
    why = "copycat: another row of this ticker is older or more liquid"
    flags = fields.get("flags")
    if flags is None or not isinstance(flags.value, list):
        return {**fields, "flags": FieldExplanation(value=["copycat"], rule=why)}
    named = sorted((*flags.value, "copycat"))
    return {**fields, "flags": structs.replace(flags, value=named, rule=f"{why}; {flags.rule}")}


def describe(stored: Fields, now_ms: int, rules: MergeRules) -> dict[str, Any]:
    """Return what is shown of the stored readings.

    `explanation`: per field of the row its value as of these readings, whose it is, how old, and
    what was passed over; it may be ahead of the committed row by what noise floors hold back.
    `readings`: per source everything it says. `pools`: each with what it does for the row.
    """
    readings: dict[str, SourceReading] = {}
    for source, raw in sorted(stored.items()):
        try:
            readings[source] = decode_source_reading(raw)
        except ReadingError as error:
            log.warning("reading_malformed", source=source[:64], error=str(error)[:200])
    explanation = explain(readings, now_ms, rules)
    return {
        "raw_name": explanation.raw_name,
        "raw_ticker": explanation.raw_ticker,
        "explanation": explanation.fields,
        "readings": {source: _aged(reading, now_ms) for source, reading in readings.items()},
        "pools": [_pool(pool) for pool in explanation.pools],
    }


def _aged(reading: SourceReading, now_ms: int) -> dict[str, Any]:
    """Return a source's fields, each with its age; a source's age is that of its newest word."""
    fields = {**reading.fields, **reading.signals}
    times = [held.observed_ms for held in fields.values()]
    times += [pool.observed_ms for pool in reading.pools.values()]
    observed_ms = max(times, default=0)
    return {
        "observed_ms": observed_ms,
        "age_ms": max(0, now_ms - observed_ms),
        "fields": {
            name: {
                "value": held.value,
                "observed_ms": held.observed_ms,
                "age_ms": max(0, now_ms - held.observed_ms),
            }
            for name, held in fields.items()
        },
    }


def _pool(pool: PoolExplanation) -> dict[str, Any]:
    """Return a pool's figures beside its explanation; unknown is absent."""
    members = structs.asdict(pool)
    figures = structs.asdict(members.pop("pool"))
    return members | {name: value for name, value in figures.items() if value is not None}


def _named(found: dict[bytes, bytes]) -> Fields:
    return {name.decode("utf-8", "replace"): value for name, value in found.items()}
