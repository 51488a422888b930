"""Every Redis key and channel that dexwire uses, on one page, with lifetimes and reasons.

`REDIS_PREFIX` goes in front of all of them; as a hash tag (`{dexwire}:`) it keeps everything in
one slot of a Redis Cluster. docs/DATA.md says what the values hold.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

# Times to live and bounds, in the unit of their name.
LEASE_MS: Final = 2_000  # the aggregator's lease: a takeover may take 2.5 s
LEASE_RENEW_S: Final = 0.5
TAKEN_MS: Final = 3_000  # how far the aggregator has read; it is written each second
HEARTBEAT_S: Final = 1.0
SILENCE_S: Final = 3.0  # three heartbeats; then a subscription counts as dead
GONE_KEEP_MS: Final = 15 * 60_000  # how long a removal is sent to a resuming client
REVERTED_MS: Final = 10 * 60_000  # a report; it is repeated while the epoch goes on
ALERTS_MAX_ENTRIES: Final = 10_000
LOG_MAX_ENTRIES: Final = 3_000  # ten minutes of full windows
INGEST_SEEN_MS: Final = 10 * 60_000
VIEW_MS: Final = 120_000  # a cursor walk may idle this long


@dataclass(frozen=True, slots=True)
class Keys:
    """Key and channel names under one prefix."""

    prefix: str = ""

    # -- the state ------------------------------------------------------------------------------
    def token(self, token_id: str) -> str:
        """Hash: the row, one JSON-encoded value per field. Lives until the token is removed."""
        return f"{self.prefix}token:{token_id}"

    def reading(self, token_id: str) -> str:
        """Hash: one field per source, its merged reading. Lives as long as the row."""
        return f"{self.prefix}reading:{token_id}"

    def index(self, metric: str) -> str:
        """Sorted set: the ids of all tokens that have this metric. Lives for ever."""
        return f"{self.prefix}index:{metric}"

    @property
    def meta(self) -> str:
        """Hash: schema, epoch, version, run_id, fence, commit_id, digest, committed_ms, tokens,
        horizon, native, seeding.
        """  # noqa: D205
        return f"{self.prefix}state:meta"

    @property
    def gone(self) -> str:
        """Sorted set: removed ids by version of removal, kept GONE_KEEP_MS."""
        return f"{self.prefix}state:gone"

    @property
    def log(self) -> str:
        """Stream: one entry per commit, id `<version>-0`, field `m` = the published bytes."""
        return f"{self.prefix}state:log"

    @property
    def alerts_log(self) -> str:
        """Stream: the last ALERTS_MAX_ENTRIES events of this epoch, id `<version>-<n>`."""
        return f"{self.prefix}alerts:log"

    def alert_base(self, token_id: str) -> str:
        """Hash: one field per window, its history and reports. Lives as long as the row."""
        return f"{self.prefix}alerts:base:{token_id}"

    @property
    def reverted(self) -> str:
        """String: an epoch of which a reader has seen a later version than the store holds.

        The store was put back under it, so that versions would come twice. Lives until the next
        epoch, at most REVERTED_MS.
        """
        return f"{self.prefix}state:reverted"

    @property
    def lease(self) -> str:
        """String: the active aggregator's holder id, LEASE_MS."""
        return f"{self.prefix}aggregator:lease"

    @property
    def raw_published(self) -> str:
        """String: bytes that were ever published on `raw_tokens`. For ever."""
        return f"{self.prefix}raw:published"

    @property
    def raw_taken(self) -> str:
        """Hash: bytes read by the active aggregator, `at`; how many may wait, `most`. TAKEN_MS."""
        return f"{self.prefix}raw:taken"

    # -- fetching -------------------------------------------------------------------------------
    def fetch_job(self, source: str, job: str) -> str:
        """String: the fetcher that runs this job, for one lease; then `rest` until it is due."""
        return f"{self.prefix}fetch:job:{source}:{job}"

    def fetch_bucket(self, host: str, rate_class: str) -> str:
        """String: when (µs) the next call to this upstream host and rate class is on schedule.

        A token bucket in one number; lives until the bucket is full.
        """
        return f"{self.prefix}fetch:bucket:{host}:{rate_class}"

    def fetch_hold(self, host: str) -> str:
        """String: this host made everyone wait. Lives that long."""
        return f"{self.prefix}fetch:hold:{host}"

    def fetch_status(self, source: str) -> str:
        """Hash: what `/health` shows of a source (fields: services/fetcher/status.py). For ever."""
        return f"{self.prefix}fetch:status:{source}"

    def fetch_due(self, source: str) -> str:
        """Sorted set: token ids by the time (ms) at which this source was last queried for them.

        0: never, and no price is known; 1: never. Shared by all fetchers, so that a discovery by
        one is refreshed by any. Bounded with `fetch_known`.
        """
        return f"{self.prefix}fetch:due:{source}"

    @property
    def fetch_known(self) -> str:
        """Sorted set: token ids by the time (ms) at which a source last named them.

        Bounded by FETCH_KNOWN_MAX; ids not named for a day leave.
        """
        return f"{self.prefix}fetch:known"

    @property
    def watched(self) -> str:
        """Sorted set: token ids that clients watch, by time (ms): the fetchers' hot list.

        Written and trimmed by the gateways.
        """
        return f"{self.prefix}watched"

    @property
    def history_backfill(self) -> str:
        """Stream: candles of others for the recorder, which removes what it has stored.

        One entry a token and tier, field `m` (shared/history/foreign.py). Bounded: nobody adds
        while 100 wait.
        """
        return f"{self.prefix}history:backfill"

    # -- the api --------------------------------------------------------------------------------
    def ingest_seen(self, producer: str, batch_id: str) -> str:
        """Hash: body hash, receipt time and answer of one ingest batch, INGEST_SEEN_MS."""
        return f"{self.prefix}ingest:seen:{producer}:{batch_id}"

    def ingest_rate(self, producer: str) -> str:
        """String: when one producer's allowance is whole again (us). Lives until then."""
        return f"{self.prefix}ingest:rate:{producer}"

    def view(self, name: str) -> str:
        """String: a pinned order for a cursor walk, VIEW_MS."""
        return f"{self.prefix}view:{name}"

    @property
    def views(self) -> str:
        """Sorted set: the pinned orders alive, by the time (ms) at which they end."""
        return f"{self.prefix}views"

    @property
    def cursor_secret(self) -> str:
        """String: the random key that signs cursors, shared by all api replicas. For ever."""
        return f"{self.prefix}cursor:secret"

    # -- channels -------------------------------------------------------------------------------
    @property
    def raw_tokens(self) -> str:
        """Channel: batches of readings, publishers → aggregators."""
        return f"{self.prefix}raw_tokens"

    @property
    def state_changes(self) -> str:
        """Channel: commits and heartbeats, aggregator → everyone."""
        return f"{self.prefix}state_changes"


def id_hash(token_id: str) -> bytes:
    """Return the 8-byte hash under which cursors and pinned orders hold a token id."""
    return hashlib.blake2b(token_id.encode(), digest_size=8).digest()
