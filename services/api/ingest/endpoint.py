"""`POST /ingest`: readings of one's own programs, and of fetchers that post (docs/HTTP.md)."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send

from services.api.counts import ApiCounts
from services.api.discover.query import parse_parameters
from services.api.ingest.body import BatchVerdict, judge, readings, without_refused
from services.api.ingest.keyless import is_local
from services.api.ingest.outcome_reader import OutcomeReader
from services.api.ingest.polled import judge_polled
from services.api.ingest.producers import LOCAL, Producer, authenticate
from services.api.ingest.receipts import BatchReceipt, ReceiptClock, Receipts
from services.api.live import Committed, Live
from shared.edge.http.answer import Answer
from shared.edge.http.problem import Problem
from shared.edge.http.storage import storage
from shared.edge.http.visitors import Visitors
from shared.edge.origins import spellings
from shared.errors import Behind, StoreError
from shared.model import SCHEMA, RawBatch, ReadingBatch

BODY_MAX: Final = 256 * 1024
BODY_S: Final = 10.0  # for the whole body to arrive
ACK_S: Final = 2.0  # for a batch to be committed
BATCH_ID: Final = "[A-Za-z0-9_.:-]{1,64}"
_BATCH_ID = re.compile(BATCH_ID)
_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class AdmittedPost:
    """One post that was let in, before its body is read."""

    producer: Producer
    now_ms: int  # of its arrival, by the store's clock
    batch_id: str
    repeatable: bool  # the producer named the batch, so a repeat can be recognised
    ack: bool


class Ingest:
    """The endpoint. It answers what is true: accepted, committed, refused or not known."""

    def __init__(
        self,
        live: Live,
        visitors: Visitors,
        receipts: Receipts,
        outcomes: OutcomeReader,
        *,
        producers: tuple[Producer, ...],
        origins: tuple[str, ...],
        quote_assets: bool,
        max_ack_waits: int,
        keyless: bool = True,
        counts: ApiCounts | None = None,
    ) -> None:
        self._counts = counts or ApiCounts()
        self._live = live
        self._visitors = visitors
        self._receipts = receipts
        self._outcomes = outcomes
        self._producers = producers
        self._keyless = keyless  # programs of this machine may post without a key
        self._origins = frozenset(origin.encode() for origin in spellings(origins))
        self._quote_assets = quote_assets
        self._ack_waits = max_ack_waits
        self._clock = ReceiptClock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem. Nothing of the body is read before the headers are right."""
        post = await self._let_in(scope)
        body = await _read_body(receive)
        verdict = self._judge(post, body)
        self._counts.ingested["accepted"] += len(verdict.accepted)
        self._counts.ingested.update(rejection.code for rejection in verdict.rejected)
        try:
            _check_accepted(verdict)
            answer = await self._take(post, verdict, body)
        except Problem as problem:
            problem.more = {"batch_id": post.batch_id, **problem.more}
            raise
        await answer(scope, receive, send)

    def _judge(self, post: AdmittedPost, body: bytes) -> BatchVerdict:
        if post.producer.polled:
            return judge_polled(body, now_ms=post.now_ms)
        return judge(
            body,
            quote_assets=self._quote_assets,
            now_ms=post.now_ms,
            meant_chain=self._live.meant_chain,
        )

    async def _let_in(self, scope: Scope) -> AdmittedPost:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        producer = self._authenticate(scope, headers)
        parameters = parse_parameters(scope["query_string"], ("ack",))
        if parameters.get("ack", "commit") != "commit":
            raise Problem(400, "bad_ack", "ack can only be commit", param="ack")
        key = _idempotency_key(headers)
        _check_body_headers(headers)
        return AdmittedPost(
            producer=producer,
            now_ms=await self._receipts.admit(producer.id),
            batch_id=key or secrets.token_hex(16),
            repeatable=key is not None,
            ack="ack" in parameters,
        )

    def _authenticate(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> Producer:
        presented = _all(headers, b"authorization")
        # The keys of fetchers leave it open who else may post.
        keyless = all(producer.polled for producer in self._producers)
        if not keyless or (self._producers and presented):
            proven = authenticate(presented, self._producers)
            if proven is None:
                raise self._visitors.count(scope) or Problem(
                    401,
                    "unauthorized",
                    "give one key as Authorization: Bearer <id>.<secret>",
                    headers={"www-authenticate": "Bearer"},
                )
            return proven
        if not self._is_local(scope, headers):
            detail = "without INGEST_API_KEYS only programs of this machine may post, to localhost"
            if not self._keyless:
                detail = "INGEST_API_KEYS is not set, and the settings let nobody post without it"
            raise self._visitors.count(scope) or Problem(403, "loopback_only", detail)
        return Producer(LOCAL, b"")

    def _is_local(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> bool:
        peer = scope["client"][0] if scope.get("client") else None
        # A page of another origin in a browser on this machine is not this machine's user.
        foreign = any(origin not in self._origins for origin in _all(headers, b"origin"))
        behind_proxy = self._visitors.trusts(peer or "")
        local = is_local(peer, scope["http_version"], headers)
        return self._keyless and local and not foreign and not behind_proxy

    async def _take(self, post: AdmittedPost, verdict: BatchVerdict, body: bytes) -> Answer:
        receipt = BatchReceipt(self._clock.tick(verdict.source, post.now_ms))
        if post.repeatable:
            receipt = await self._receipts.take(
                post.producer.id, post.batch_id, body, receipt.received_ms
            )
            if receipt.answer is not None and (receipt.status == 200 or not post.ack):
                return Answer(receipt.status or 202, receipt.answer)
        # First seen, or its outcome is not known: publishing once more at the first time of
        # receipt changes nothing that the first has changed.
        status, more = 202, dict[str, Any]()
        before = self._outcomes.rows(verdict) if post.ack else None
        committed = await self._publish(post, verdict, receipt.received_ms)
        if committed is not None:
            status = 200
            verdict = without_refused(verdict, receipt.received_ms, committed.refused)
            _check_accepted(verdict)
            unchanged = await self._outcomes.unchanged(verdict, receipt.received_ms, before)
            more = {
                "unchanged": unchanged, "epoch": committed.epoch, "version": committed.version
            }  # fmt: skip
        answer = _encoder.encode({"batch_id": post.batch_id, **_members(verdict), **more})
        if post.repeatable:
            await self._receipts.answered(post.producer.id, post.batch_id, status, answer)
        return Answer(status, answer)

    async def _publish(
        self, post: AdmittedPost, verdict: BatchVerdict, received_ms: int
    ) -> Committed | None:
        """Publish; with `ack`, return what became of the batch."""
        # The producer is in front, so that the same key of another is another batch. 500 tokens of
        # a 256 KiB body stay below the 1 MiB that a message may have, longest numbers included.
        wire_id = f"{post.producer.id}:{post.batch_id}"
        message = _encoder.encode(_batch(post, verdict, wire_id, received_ms))
        if not post.ack:
            await self._accept(message)
            return None
        if self._ack_waits <= 0:
            detail = "too many batches wait for their commit"
            raise Problem(503, "overloaded", detail, retry_after_s=1)
        self._ack_waits -= 1
        waiter = self._live.expect(wire_id)
        started = time.monotonic()
        try:
            await self._accept(message)
            async with asyncio.timeout(ACK_S):
                return await waiter
        except TimeoutError:
            detail = (
                "not seen in a commit in time, which does not say that it is lost: "
                "repeat it with this batch_id as Idempotency-Key"
            )
            raise Problem(504, "outcome_unknown", detail, retry_after_s=1) from None
        finally:
            self._ack_waits += 1
            self._counts.ack_wait_s.observe(time.monotonic() - started)
            self._live.forget(wire_id, waiter)

    async def _accept(self, message: bytes) -> None:
        try:
            async with storage():
                receivers = await self._live.store.accept(message)
        except Behind:
            detail = "the aggregator has not read what was posted before; repeat this batch"
            raise Problem(503, "behind", detail, retry_after_s=1) from None
        except StoreError:
            receivers = 0
        if not receivers:
            detail = "no aggregator is there to take it"
            raise Problem(503, "no_consumer", detail, retry_after_s=1)


def _batch(
    post: AdmittedPost, verdict: BatchVerdict, batch_id: str, received_ms: int
) -> ReadingBatch | RawBatch:
    as_they_came = [token.raw for token in verdict.accepted if token.raw is not None]
    if as_they_came:
        return RawBatch(
            schema=SCHEMA,
            source=verdict.source,
            batch_id=batch_id,
            sent_ms=received_ms,
            tokens=as_they_came,
            ack=post.ack,
            producer=post.producer.id,
        )
    return ReadingBatch(
        source=verdict.source,
        batch_id=batch_id,
        sent_ms=received_ms,
        tokens=readings(verdict.accepted, received_ms),
        ack=post.ack,
        producer=post.producer.id,
    )


def _members(verdict: BatchVerdict) -> dict[str, Any]:
    return {"accepted": len(verdict.accepted), "rejected": verdict.rejected}


def _check_accepted(verdict: BatchVerdict) -> None:
    if not verdict.accepted:
        detail = f"none of the {len(verdict.rejected)} tokens was accepted"
        raise Problem(422, "none_accepted", detail, more=_members(verdict))


def _all(headers: list[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _idempotency_key(headers: list[tuple[bytes, bytes]]) -> str | None:
    given = _all(headers, b"idempotency-key")
    if not given:
        return None
    key = given[0].decode("latin-1")
    if len(given) > 1 or not _BATCH_ID.fullmatch(key):
        detail = "Idempotency-Key must be one of [A-Za-z0-9_.:-]{1,64}"
        raise Problem(422, "bad_idempotency_key", detail)
    return key


def _check_body_headers(headers: list[tuple[bytes, bytes]]) -> None:
    types = _all(headers, b"content-type")
    if len(types) != 1 or types[0].partition(b";")[0].strip().lower() != b"application/json":
        raise Problem(415, "unsupported_media_type", "the body must be application/json")
    if any(value.strip().lower() != b"identity" for value in _all(headers, b"content-encoding")):
        raise Problem(415, "unsupported_encoding", "the body must not be compressed")
    for length in _all(headers, b"content-length"):
        if not length.isdigit() or len(length) > 9 or int(length) > BODY_MAX:
            raise _too_large()


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Problem(400, "incomplete_body", "the connection ended in the body")
                body += message.get("body", b"")
                if len(body) > BODY_MAX:
                    raise _too_large()
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_S:g} s"
        raise Problem(408, "slow_body", detail) from None


def _too_large() -> Problem:
    return Problem(413, "body_too_large", f"the body may have {BODY_MAX} bytes")
