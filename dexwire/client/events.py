"""What a stream yields. Values are absolute; events never change after they are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from dexwire.stream.rows import Patch, Row

Status: TypeAlias = Literal["connecting", "live", "stale", "resync", "offline"]


class Snapshot(Struct, frozen=True, kw_only=True, tag_field="event", tag="snapshot"):
    """A whole topic at one exact state; replaces whatever was known of it.

    `ids` is the order of a list topic, None where the topic has none; `rows` are in that order.
    """

    topic: str
    epoch: str
    version: int
    rows: Sequence[Row]
    ids: Sequence[str] | None = None


class Diff(Struct, frozen=True, kw_only=True, tag_field="event", tag="diff"):
    """What changed in a topic since `prev`: apply `set`, then `add`, then `removed`.

    `add` are whole rows, new or replaced; `ids` is a list's order if it changed, and rows that are
    not in it have left; `commits` is how many commits are folded into this one.
    """

    topic: str
    prev: int
    version: int
    ts_ms: int = 0
    set: Sequence[Patch] = []
    add: Sequence[Row] = []
    removed: Sequence[str] = []
    ids: Sequence[str] | None = None
    commits: int = 1


class Alert(Struct, frozen=True, kw_only=True, tag_field="event", tag="alert"):
    """Something happened to one token. `change` is in percent, `level` 1 to 4.

    `kind`: `price` and `volume` moved; `listed` and `graduated` have neither figures nor level.
    """

    topic: str
    version: int
    key: str
    kind: str
    token_id: str
    window: str | None = None
    direction: str | None = None
    change: float | None = None
    before: float | None = None
    after: float | None = None
    level: int | None = None
    token_name: str | None = None
    token_ticker: str | None = None


class Gap(Struct, frozen=True, kw_only=True, tag_field="event", tag="gap"):
    """Something was missed. States repair themselves, alerts may be gone.

    `reason`: `missed` and `epoch`, the client noticed and requested it again (a diff or a snapshot
    follows); `lost`, the server no longer has these alerts; `slow`, this program took too long
    to read (alerts were dropped, or the topic is requested again). `topic` None: all of them.
    """

    reason: Literal["missed", "epoch", "lost", "slow"]
    topic: str | None = None
    lost: int | None = None
    since: int | None = None
    until: int | None = None

    @property
    def resumes(self) -> bool:
        """Whether the connection has to ask for what it misses."""
        return self.reason in {"missed", "epoch"}


class State(Struct, frozen=True, kw_only=True, tag_field="event", tag="state"):
    """How the stream is doing.

    `live`: all is well; `stale`: the data have stopped moving; `resync`: the gateway is loading;
    `offline`: there is no connection, `error` says why, it is being tried again. `age_ms` is of the
    data, `latency_ms` of the last diff from commit to here, `rtt_ms` of the connection.
    """

    status: Status
    epoch: str = ""
    version: int = 0
    age_ms: int | None = None
    latency_ms: float | None = None
    rtt_ms: float | None = None
    error: str | None = None


Event: TypeAlias = Snapshot | Diff | Alert | Gap | State
