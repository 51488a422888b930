"""What a producer may post, and the verdict on each token of it. Pure.

Strict: a number is a number, a field is known, and each token is judged alone, so that one bad
token never spoils its batch. Of a key that is given twice the last one counts, as in every JSON
decoder we know.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import copysign
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, DecodeError, Meta, Raw, Struct, UnsetType, ValidationError

from services.api.hints import did_you_mean, misplaced, misspelt
from services.api.ingest import times
from shared.chains import canonical_chain, token_id
from shared.edge.http.problem import Problem, clip
from shared.links import IMAGE_PATTERN
from shared.model import (
    READING_FIELDS,
    Figures,
    MaybeAmount,
    MaybeCount,
    MaybePercent,
    Millis,
    Reading,
)
from shared.quotes import is_quote_asset
from shared.sources import is_polled
from shared.spellings import canonical_address

TOKENS_MAX: Final = 500
DEFAULT_CHAIN: Final = "solana"
_DETAIL_MAX: Final = 160
SOURCE_PATTERN: Final = "[a-z][a-z0-9_-]{0,31}"
_SOURCE = re.compile(SOURCE_PATTERN)
_UNKNOWN_FIELD = re.compile(r"unknown field `(.*)`", re.DOTALL)
_PATTERN: Final = "matching regex"  # only addresses of pages and images have one
# The short names of docs/HTTP.md.
SHORT_NAMES: Final = {
    "volume": "volume_24h",
    "transaction_count": "transactions_24h",
    "price_change": "price_change_24h",
    "price_1hr_change": "price_change_1h",  # as similar systems call it
}


SourceName: TypeAlias = Annotated[str, Meta(max_length=64)]


class IngestBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /ingest`; its tokens stay undecoded until each is judged."""

    source: str
    tokens: list[Raw]


class IngestToken(Figures, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One posted token: the fields of a reading, and the short names."""

    token_address: str
    chain: Annotated[str, Meta(max_length=32)] = DEFAULT_CHAIN
    observed_ms: Millis | UnsetType = UNSET  # type: ignore[assignment] # it may be left out here
    volume: MaybeAmount = UNSET
    transaction_count: MaybeCount = UNSET
    price_change: MaybePercent = UNSET
    price_1hr_change: MaybePercent = UNSET
    # Taken from others' rows and not read: the source of a reading is the one that posts it.
    sources_used: Annotated[list[SourceName], Meta(max_length=32)] | UnsetType | None = UNSET


class Rejection(Struct, frozen=True):
    """Why one token was refused."""

    index: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class AcceptedToken:
    """One token that will be published: its canonical names and the fields it speaks of."""

    index: int  # in the batch
    chain: str
    address: str
    observed_ms: int | None  # None: the time of receipt
    fields: dict[str, Any]
    raw: Raw | None = None  # of a polled source: the reading as it came, which is published so


@dataclass(frozen=True, slots=True)
class BatchVerdict:
    """The judgement of a whole body. `source` is as readings carry it."""

    source: str
    accepted: tuple[AcceptedToken, ...]
    rejected: tuple[Rejection, ...]


# RFC 8259, 8.1: JSON is UTF-8 and has no byte order mark.
_MARKS: Final = {
    BOM_UTF8: "the body begins with a byte order mark; send UTF-8 without one",
    BOM_UTF16_LE: "the body is UTF-16; send UTF-8",
    BOM_UTF16_BE: "the body is UTF-16; send UTF-8",
}
# Reasons of the aggregator → code and detail. The others are of readings that no producer can send.
_REFUSED: Final = {
    "too_many_tokens": ("list_full", "the list is full (MAX_TOKENS)"),
    "producer_share": ("producer_share", "this producer has too many tokens (PRODUCER_TOKENS_PCT)"),
    "quote_asset": ("quote_asset", "others are priced in this token; it is not listed"),
}
_NOT_TAKEN: Final = ("not_taken", "the aggregator did not take this token; its log says why")
_body_decoder: Final = msgspec.json.Decoder(IngestBody)
_token_decoder: Final = msgspec.json.Decoder(IngestToken)


def judge(
    body: bytes,
    *,
    quote_assets: bool,
    now_ms: int,
    meant_chain: Callable[[str], str | None] = misspelt,
) -> BatchVerdict:
    """Judge a body that arrived at a time.

    `meant_chain` returns the known chain that a canonical name is a misspelling of.

    Raises Problem: 400 for what is no JSON, 422 for a wrong shape as a whole.
    """
    parsed = parse(body)
    if is_polled(parsed.source):
        detail = (
            f"{parsed.source} is the name of a polled source; only a key with the right "
            "`polled` may post as one"
        )
        raise Problem(422, "bad_source", detail, param="$.source")
    accepted: list[AcceptedToken] = []
    rejected: list[Rejection] = []
    for index, raw in enumerate(parsed.tokens):
        verdict = _judge_token(
            index, raw, quote_assets=quote_assets, now_ms=now_ms, meant_chain=meant_chain
        )
        (accepted if isinstance(verdict, AcceptedToken) else rejected).append(verdict)  # type: ignore[arg-type]
    return BatchVerdict(f"ingest:{parsed.source}", tuple(accepted), tuple(rejected))


def parse(body: bytes) -> IngestBody:
    """Return a body as a whole: 1 to TOKENS_MAX tokens, not decoded yet. Raises Problem."""
    for mark, detail in _MARKS.items():
        if body.startswith(mark):
            raise Problem(400, "malformed_json", detail)
    try:
        body.decode()  # msgspec would meet bad UTF-8 only in the tokens, one by one
        parsed = _body_decoder.decode(body)
    except ValidationError as error:
        raise Problem(422, code_of(str(error)), _detail(error), param=_path(error)) from None
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error) from None
    if not _SOURCE.fullmatch(parsed.source):
        detail = f"source must be {SOURCE_PATTERN}"
        raise Problem(422, "bad_source", detail, param="$.source")
    if not 1 <= len(parsed.tokens) <= TOKENS_MAX:
        detail = f"tokens must be 1 to {TOKENS_MAX}, not {len(parsed.tokens)}"
        raise Problem(422, "bad_length", detail, param="$.tokens")
    return parsed


def readings(accepted: Sequence[AcceptedToken], received_ms: int) -> tuple[Reading, ...]:
    """Return what is published. A time in the future becomes the time of receipt.

    A token that is there twice for one time is merged in the order of the batch: by the merge rules
    alone the greater value would win.
    """
    merged: dict[tuple[str, int], tuple[AcceptedToken, dict[str, Any]]] = {}
    for token in accepted:
        key = _key(token, received_ms)
        earlier = merged.get(key)
        merged[key] = (token, {**earlier[1], **token.fields} if earlier else token.fields)
    return tuple(
        Reading(chain=token.chain, token_address=token.address, observed_ms=observed_ms, **fields)
        for (_, observed_ms), (token, fields) in merged.items()
    )


def without_refused(
    verdict: BatchVerdict, received_ms: int, refused: Mapping[str, Sequence[int]]
) -> BatchVerdict:
    """Return the verdict once the aggregator has refused readings, by reason: indices of them."""
    if not refused:
        return verdict
    reasons = {index: reason for reason, indices in refused.items() for index in indices}
    places: dict[object, int] = {}  # which reading speaks of a token, as in `readings`
    accepted, rejected = [], list(verdict.rejected)
    for token in verdict.accepted:
        key = _key(token, received_ms) if token.raw is None else token.index
        place = places.setdefault(key, len(places))
        if place not in reasons:
            accepted.append(token)
            continue
        code, detail = _REFUSED.get(reasons[place], _NOT_TAKEN)
        rejected.append(Rejection(token.index, code, detail))
    rejected.sort(key=lambda rejection: rejection.index)
    return BatchVerdict(verdict.source, tuple(accepted), tuple(rejected))


def _key(token: AcceptedToken, received_ms: int) -> tuple[str, int]:
    """Return what one published reading is of: a token and a time."""
    given_ms = received_ms if token.observed_ms is None else token.observed_ms
    return token_id(token.chain, token.address), min(given_ms, received_ms)


def _judge_token(
    index: int,
    raw: Raw,
    *,
    quote_assets: bool,
    now_ms: int,
    meant_chain: Callable[[str], str | None],
) -> AcceptedToken | Rejection:
    try:
        token = _token_decoder.decode(raw)
    except ValidationError as error:
        detail = _detail(error, f"$.tokens[{index}]", hint=times.hint(str(error), bytes(raw)))
        return Rejection(index, code_of(str(error)), detail)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error) from None  # such as a lone surrogate: the body is no JSON
    place = _place(index, token, meant_chain)
    if isinstance(place, Rejection):
        return place
    chain, address = place
    if not quote_assets and is_quote_asset(chain, address):
        return Rejection(index, *_REFUSED["quote_asset"])
    wrong = times.wrong(token.observed_ms, token.created_ms, now_ms)
    if wrong is not None:
        return Rejection(index, "out_of_range", wrong)
    fields = _fields(token)
    for short, full in SHORT_NAMES.items():
        value = getattr(token, short)
        if value is UNSET:
            continue
        if full in fields:
            return Rejection(index, "conflict", f"{short} and {full} are the same figure")
        fields[full] = _zero(value)
    if not fields:
        return Rejection(index, "no_fields", "this token says nothing but its address")
    observed_ms = None if token.observed_ms is UNSET else token.observed_ms
    return AcceptedToken(index, chain, address, observed_ms, fields)


def _place(
    index: int, token: IngestToken, meant_chain: Callable[[str], str | None]
) -> tuple[str, str] | Rejection:
    """Return the canonical chain and address of a token, or why it has none."""
    chain = canonical_chain(token.chain)
    if chain is None:
        return Rejection(index, "bad_chain", f"{clip(token.chain)!r} cannot be a chain")
    meant = meant_chain(chain)
    if meant is not None:
        return Rejection(index, "bad_chain", did_you_mean(chain, meant))
    address = canonical_address(chain, token.token_address)
    if address is None:
        shown = clip(token.token_address)
        return Rejection(index, "bad_address", f"{shown!r} cannot be an address")
    elsewhere = misplaced(chain, address)
    if elsewhere is not None:
        return Rejection(index, "bad_address", f"{clip(address)!r}: {elsewhere}")
    return chain, address


def _fields(token: IngestToken) -> dict[str, Any]:
    values = ((name, getattr(token, name)) for name in READING_FIELDS)
    return {name: _zero(value) for name, value in values if value is not UNSET}


def _zero(value: Any) -> Any:  # noqa: ANN401 - a field's value
    """Return 0.0 for -0.0, which is equal but not in JSON or in a digest."""
    if type(value) is float and value == 0 and copysign(1, value) < 0:
        return 0.0
    return value


def malformed(error: Exception) -> Problem:
    """Return the problem of a body that is no JSON."""
    why = "too deep" if isinstance(error, RecursionError) else clip(str(error), 120)
    return Problem(400, "malformed_json", f"the body is not JSON: {why}")


def code_of(text: str) -> str:
    """Name the kind of a decoder's complaint."""
    if "unknown field" in text:
        return "unknown_field"
    if "missing required field" in text:
        return "missing_field"
    if "of length" in text:
        return "bad_length"
    if _PATTERN in text:
        return "bad_url"
    if "out of range" in text or "<" in text or ">" in text:
        return "out_of_range"
    return "wrong_type"


def _detail(error: ValidationError, root: str = "$", hint: str = "") -> str:
    """Return the complaint with its path under `root`; of an unknown name only the beginning."""
    text, _, where = str(error).partition(" - at `$")
    unknown = _UNKNOWN_FIELD.search(text)
    if unknown:
        text = f"there is no field {clip(unknown[1])!r}"
    elif _PATTERN in text:
        scheme = "an https" if IMAGE_PATTERN in text.replace("\\\\", "\\") else "an http or https"
        text = f"expected {scheme} address of a host with a name"
    more = f"; {hint}" if hint else ""
    return f"{clip(text, _DETAIL_MAX)} - at {root}{where.rstrip('`')}{more}"


def _path(error: ValidationError) -> str:
    """Return where in the body it is wrong; of a missing field, its own path."""
    text = str(error)
    where = text.rpartition(" - at `")[2].rstrip("`") if " - at `" in text else "$"
    missing = re.search(r"missing required field `(\w+)`", text)
    return f"{where}.{missing[1]}" if missing else where
