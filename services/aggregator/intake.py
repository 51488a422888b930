"""From messages on `raw_tokens` to the memory: checked, counted, never trusted; no I/O here."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

import msgspec

from services.aggregator.memory import Memory
from services.aggregator.natives import Natives
from shared.merge.readings import ReadingError, decode_reading
from shared.model import SCHEMA, RawBatch, is_posted
from shared.process.log_lines import is_worth_a_line
from shared.process.logs import get_logger
from shared.process.measure import STAGE_S, Histogram
from shared.quotes import is_quote_asset
from shared.sources import is_polled
from shared.state.messages import Refused

log = get_logger(__name__)

MAX_MESSAGE_BYTES: Final = 1 << 20
WAITING_MS: Final = 10_000  # a producer waits 2 s for its commit; nobody waits longer than this
_ARRIVALS: Final = 10_000  # messages a window; what is above is not timed
_decoder = msgspec.json.Decoder(RawBatch)
_AT: Final = re.compile(rb'\{"at":([0-9]{1,16}),')  # as scripts/within.lua writes it


@dataclass(slots=True)
class WaitingBatch:
    """A batch whose producer waits for its commit."""

    received_ms: int
    tokens: dict[int, str]  # index in the batch → token id
    refused: dict[str, list[int]]  # reason → indices


@dataclass(slots=True)
class Intake:
    """Decodes batches and merges their readings; what is dropped is counted by reason."""

    memory: Memory
    include_quote_assets: bool
    natives: Natives = field(default_factory=Natives)
    waiting: dict[str, WaitingBatch] = field(default_factory=dict)  # batch id → who waits
    # Up to which byte of the channel messages are taken; None: the next one shows it.
    at: int | None = None
    dropped: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    sources: Counter[str] = field(default_factory=Counter)  # accepted, by kind of source
    age: Histogram = field(default_factory=lambda: Histogram(STAGE_S))  # of readings, in seconds
    # When messages came in (ms) that are not in a commit yet.
    arrivals: deque[int] = field(default_factory=lambda: deque(maxlen=_ARRIVALS))

    def take(self, data: bytes, now_ms: int) -> None:
        """Merge one message. `now_ms` is the store's time of receipt."""
        place = _AT.match(data)
        if place:  # not of a program that publishes by itself
            self.at = int(place[1])
        try:
            batch = decode_batch(data)
        except ReadingError as error:
            self._count(error)
            return
        merged: dict[int, str] = {}
        refused: dict[str, list[int]] = {}
        for index, raw in enumerate(batch.tokens):
            try:
                merged[index] = self._merge(batch, raw, now_ms)
            except ReadingError as error:
                self._count(error)
                refused.setdefault(error.reason, []).append(index)
        self.accepted += len(merged)
        self.sources[_kind(batch.source)] += len(merged)
        if merged:
            self.arrivals.append(now_ms)
        if batch.ack:
            self.waiting[batch.batch_id] = WaitingBatch(now_ms, merged, refused)

    def subscribed(self) -> None:
        """Messages come from now on; what was published before will not."""
        self.at = None

    def settle(self, batch_ids: list[str]) -> None:
        """These batches are in a commit."""
        for batch_id in batch_ids:
            self.waiting.pop(batch_id, None)

    def forget_waiting(self, before_ms: int) -> None:
        """Forget batches received before a time: nobody waits for them any more."""
        self.waiting = {i: w for i, w in self.waiting.items() if w.received_ms >= before_ms}
        self.take_arrivals(before_ms - 1)

    def take_arrivals(self, upto_ms: int) -> list[int]:
        """Return, once, when the messages came in that came until then."""
        taken = []
        while self.arrivals and self.arrivals[0] <= upto_ms:
            taken.append(self.arrivals.popleft())
        return taken

    def refusals(self, held: Mapping[str, WaitingBatch], written: AbstractSet[str]) -> Refused:
        """Return what was not taken of batches: refused at once, or removed for others since.

        `written`: the tokens that their commit changes.
        """
        found: dict[str, dict[str, list[int]]] = {}
        for batch_id, batch in held.items():
            refused = {reason: list(indices) for reason, indices in batch.refused.items()}
            for index, token in batch.tokens.items():
                if token not in written and self.memory.made_room_for_others(token):
                    refused.setdefault("too_many_tokens", []).append(index)
            if refused:
                found[batch_id] = refused
        return found

    def _merge(self, batch: RawBatch, raw: msgspec.Raw, now_ms: int) -> str:
        reading = decode_reading(raw, now_ms)
        if is_quote_asset(reading.chain, reading.token_address):
            self.natives.add(batch.source, reading)
            if not self.include_quote_assets:
                raise ReadingError("quote_asset", reading.token_address)
        self.age.observe((now_ms - reading.observed_ms) / 1000)
        return self.memory.add(batch.source, reading, now_ms, batch.producer)

    def _count(self, error: ReadingError) -> None:
        """Count a drop; log the first ones and then ever fewer, a hostile producer sends many."""
        count = self.dropped[error.reason] = self.dropped[error.reason] + 1
        if error.reason == "quote_asset":  # left out on purpose, every source has some
            return
        if is_worth_a_line(count):
            log.warning("reading_dropped", reason=error.reason, count=count, error=str(error)[:200])


def _kind(source: str) -> str:
    """Return a polled source as it is; producers choose their names, so they are one kind."""
    if is_polled(source):
        return source
    return "ingest" if is_posted(source) else "other"


def decode_batch(data: bytes) -> RawBatch:
    """Decode a message; its tokens stay undecoded.

    Raises ReadingError: `too_large`, `malformed` (no JSON), `wrong_shape`, `schema`.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise ReadingError("too_large", f"{len(data)} bytes")
    try:
        batch = _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise ReadingError("wrong_shape", str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReadingError("malformed", str(error)) from None
    if batch.schema != SCHEMA:
        raise ReadingError("schema", str(batch.schema))
    return batch
