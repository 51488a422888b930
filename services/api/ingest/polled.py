"""What a fetcher posts: readings of a polled source, judged as the aggregator judges them. Pure.

What is accepted is published as it came, byte for byte, so that it makes no difference to the rows
whether a fetcher publishes its readings or posts them.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, Raw

from services.api.ingest.body import (
    AcceptedToken,
    BatchVerdict,
    Rejection,
    code_of,
    malformed,
    parse,
)
from shared.edge.http.problem import Problem, clip
from shared.merge.readings import ReadingError, decode_reading
from shared.model import READING_FIELDS, Reading
from shared.sources import is_polled

_DETAIL_MAX: Final = 160
_CODES: Final = {"chain": "bad_chain", "address": "bad_address"}


def judge_polled(body: bytes, *, now_ms: int) -> BatchVerdict:
    """Judge a body that arrived at a time, posted with the right `polled`.

    Quote assets are taken: the aggregator knows the chains' own coins by them.

    Raises Problem: 400 for what is no JSON, 422 for a wrong shape as a whole, or for a source that
    is not polled.
    """
    parsed = parse(body)
    if not is_polled(parsed.source):
        detail = f"{parsed.source} is no polled source; this key may post as one only"
        raise Problem(422, "bad_source", detail, param="$.source")
    accepted: list[AcceptedToken] = []
    rejected: list[Rejection] = []
    for index, raw in enumerate(parsed.tokens):
        try:
            accepted.append(_accepted(index, raw, decode_reading(raw, now_ms)))
        except ReadingError as error:
            rejected.append(_rejection(index, error))
    return BatchVerdict(parsed.source, tuple(accepted), tuple(rejected))


def _accepted(index: int, raw: Raw, reading: Reading) -> AcceptedToken:
    values = ((name, getattr(reading, name)) for name in READING_FIELDS)
    fields = {name: value for name, value in values if value is not UNSET}
    return AcceptedToken(
        index, reading.chain, reading.token_address, reading.observed_ms, fields, raw=raw
    )


def _rejection(index: int, error: ReadingError) -> Rejection:
    """Return why a reading is refused. Raises Problem for one that is no JSON."""
    if error.reason == "malformed":  # such as a lone surrogate: the body is no JSON
        raise malformed(error) from None
    detail = clip(str(error), _DETAIL_MAX)
    return Rejection(index, _CODES.get(error.reason) or code_of(detail), detail)
