"""The messages of the stream `discover.v1`, as structs (docs/STREAM.md, docs/schemas/).

A field that may be UNSET is absent when the gateway has nothing to say of it, and so is a field of
`snap`, `d`, `ev` and `lost` that has its default. Unknown fields are ignored, so that a newer
server can say more.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, StructMeta, UnsetType

from dexwire.stream.limits import (
    HEARTBEAT_MS,
    ID_LENGTH,
    IN_BYTES,
    IN_PER_S,
    LEAST_HZ,
    MOST_HZ,
    TOPICS,
    WATCHED,
    WINDOW_MS,
)
from dexwire.stream.rows import Patch, Row

SUBPROTOCOL: Final = "discover.v1.json"
PROTOCOL: Final = 1
PATH: Final = "/ws"

Ident: TypeAlias = int | Annotated[str, Meta(max_length=ID_LENGTH)] | None
Version: TypeAlias = Annotated[int, Meta(ge=0, lt=2**53)]
# Every reader of JSON holds such a number exactly, and can count with it.
Whole: TypeAlias = Annotated[int, Meta(gt=-(2**53), lt=2**53)]
Echo: TypeAlias = int | str | UnsetType | None  # the `id` of a request that had one
Health: TypeAlias = Literal["live", "stale", "resync"]
Start: TypeAlias = Literal["snap", "diff", "live", "wait"]
ErrorCode: TypeAlias = Literal[
    "bad_json", "bad_request", "bad_op", "bad_topic", "bad_since", "limit", "busy"
]
WatchMode: TypeAlias = Literal["set", "add", "remove"]


# -- what the server says --------------------------------------------------------------------------
class Limits(Struct, frozen=True, kw_only=True):
    """What one connection may ask for."""

    topics: int = TOPICS
    ids: int = WATCHED
    in_per_s: float = IN_PER_S
    in_bytes: int = IN_BYTES


class Hello(Struct, frozen=True, kw_only=True, tag_field="t", tag="hello"):
    """The first message of every connection. `e` is empty while the gateway has no state yet."""

    proto: int
    e: str
    v: int
    st: Health | None = None
    window_ms: int = WINDOW_MS
    hb_ms: Whole = HEARTBEAT_MS
    ts: Whole = 0
    limits: Limits = Limits()


class Ok(Struct, frozen=True, kw_only=True, tag_field="t", tag="ok"):
    """A request was done. `topics` says how each starts; `ts` and `now` answer a ping."""

    id: Echo = UNSET
    topics: dict[str, str] | UnsetType = UNSET
    ts: int | float | UnsetType | None = UNSET
    now: Whole | UnsetType = UNSET

    @property
    def starts(self) -> dict[str, str]:
        """How each topic starts, by its canonical name."""
        return {} if self.topics is UNSET else self.topics


class Snap(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="snap"):
    """A whole topic at `(e, v)`; lists say their order in `ids`."""

    k: str
    e: str
    v: Version
    rows: list[Row]
    ids: list[str] | None = None
    more: bool = False


class Delta(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="d"):
    """What changed in a topic from `pv` to `v`; `cf` commits in one."""

    k: str
    pv: Version
    v: Version
    ts: Whole = 0
    ids: list[str] | None = None
    set: list[Patch] = []
    add: list[Row] = []
    del_: list[str] = msgspec.field(default_factory=list, name="del")
    cf: int = 1
    more: bool = False


class Occurrence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert as an `ev` carries it. `listed` and `graduated` have neither figures nor level."""

    i: Annotated[str, Meta(pattern=r"^[0-9]{1,16}(\.|$)")]
    type: str
    id: str
    w: str | None = None
    dir: str | None = None
    chg: float | None = None
    from_: float | None = msgspec.field(default=None, name="from")
    to: float | None = None
    lvl: int | None = None
    token_name: str | None = None
    token_ticker: str | None = None


class Events(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="ev"):
    """Alerts of one topic; an `i` begins with the version of its commit (`184201.0`)."""

    k: str
    pv: Version
    v: Version
    ev: list[Occurrence] = []
    more: bool = False


class Beat(Struct, frozen=True, kw_only=True, tag_field="t", tag="hb"):
    """Everything through `v` has been sent. `age_ms`: since the last message of the aggregator,
    absent while it never was.
    """  # noqa: D205

    e: str
    v: Version
    ts: Whole = 0
    age_ms: int | UnsetType = UNSET
    st: Health = "live"


class Lost(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="lost"):
    """So many alerts between two versions are no longer available."""

    k: str
    n: int | None = None
    from_: Version | None = msgspec.field(default=None, name="from")
    to: Version | None = None


class Err(Struct, frozen=True, kw_only=True, tag_field="t", tag="err"):
    """A request was refused; `retry` says whether repeating it may help. `k`: the topic that it
    is about, where a subscription that was accepted cannot start after all.
    """  # noqa: D205

    id: Echo = UNSET
    code: str
    msg: str = ""
    retry: bool = False
    k: str | UnsetType = UNSET


class Bye(Struct, frozen=True, kw_only=True, tag_field="t", tag="bye"):
    """The gateway goes away; come back after a random time of this range."""

    why: str = ""
    retry_ms: tuple[Whole, Whole] | None = None


Frame: TypeAlias = Hello | Ok | Snap | Delta | Events | Beat | Lost | Err | Bye
SERVER_FRAMES: Final = (Hello, Ok, Snap, Delta, Events, Beat, Lost, Err, Bye)


# -- what the client says --------------------------------------------------------------------------
class Since(Struct, frozen=True, kw_only=True):
    """The state that a page was of."""

    e: str
    v: Version


class Sub(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="sub"):
    """Subscribe; with `since`, from the state that a page showed."""

    id: Ident = None
    topics: list[str]
    since: Since | None = None


class Watch(Struct, frozen=True, kw_only=True, tag_field="op", tag="watch"):
    """Change the connection's watchlist."""

    id: Ident = None
    ids: list[str]
    mode: WatchMode = "set"


class Unsub(Struct, frozen=True, kw_only=True, tag_field="op", tag="unsub"):
    """Take topics away."""

    id: Ident = None
    topics: list[str]


class Resume(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="resume"):
    """Go on from the version that is held of each topic."""

    id: Ident = None
    e: str
    topics: dict[str, Version]
    watch: list[str] | None = None


class RateLimit(Struct, frozen=True, kw_only=True, tag_field="op", tag="rate"):
    """Ask for at most so many diffs a second; null for all of them."""

    id: Ident = None
    max_hz: Annotated[float, Meta(ge=LEAST_HZ, le=MOST_HZ)] | None


class Ping(Struct, frozen=True, kw_only=True, tag_field="op", tag="ping"):
    """Ask for the server's clock."""

    id: Ident = None
    ts: int | float | None = None


Request: TypeAlias = Sub | Watch | Unsub | Resume | RateLimit | Ping
CLIENT_FRAMES: Final = (Sub, Watch, Unsub, Resume, RateLimit, Ping)


def tag_of(kind: StructMeta) -> str:
    """Return what a message's `t`, or `op`, says."""
    return str(kind.__struct_config__.tag)
