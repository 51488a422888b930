"""The messages of the stream `discover.v1`, as structs (docs/STREAM.md, docs/schemas/).

Unknown fields are ignored and unknown kinds are None, so that a newer server can say more.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from dexwire.client.errors import Malformed
from dexwire.client.rows import Patch, Row

SUBPROTOCOL: Final = "discover.v1.json"

Ident: TypeAlias = int | str | None
Health: TypeAlias = Literal["live", "stale", "resync"]


# -- what the server says --------------------------------------------------------------------------
class Limits(Struct, frozen=True, kw_only=True):
    """What one connection may ask for."""

    topics: int = 64
    ids: int = 500
    in_per_s: float = 10
    in_bytes: int = 16_384


class Hello(Struct, frozen=True, kw_only=True, tag_field="t", tag="hello"):
    """The first message of every connection. `e` is empty while the gateway has no state yet."""

    proto: int
    e: str
    v: int
    window_ms: int = 200
    hb_ms: int = 1_000
    ts: int = 0
    st: Health | None = None
    limits: Limits = Limits()


class Ok(Struct, frozen=True, kw_only=True, tag_field="t", tag="ok"):
    """A request was done. `topics` says how each starts; `ts` and `now` answer a ping."""

    id: Ident = None
    topics: dict[str, str] = {}
    ts: int | float | None = None
    now: int | None = None


class Snap(Struct, frozen=True, kw_only=True, tag_field="t", tag="snap"):
    """A whole topic at `(e, v)`; lists say their order in `ids`."""

    k: str
    e: str
    v: int
    rows: list[Row] = []
    ids: list[str] | None = None
    more: bool = False


class Delta(Struct, frozen=True, kw_only=True, tag_field="t", tag="d"):
    """What changed in a topic from `pv` to `v`; `cf` commits in one."""

    k: str
    pv: int
    v: int
    ts: int = 0
    ids: list[str] | None = None
    set: list[Patch] = []
    add: list[Row] = []
    del_: list[str] = msgspec.field(default_factory=list, name="del")
    cf: int = 1
    more: bool = False


class Occurrence(Struct, frozen=True, kw_only=True):
    """One alert as an `ev` carries it."""

    i: Annotated[str, Meta(pattern=r"^[0-9]+(\.|$)")]
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


class Events(Struct, frozen=True, kw_only=True, tag_field="t", tag="ev"):
    """Alerts of one topic; an `i` begins with the version of its commit (`184201.0`)."""

    k: str
    pv: int
    v: int
    ev: list[Occurrence] = []
    ts: int = 0
    cf: int = 1
    more: bool = False


class Beat(Struct, frozen=True, kw_only=True, tag_field="t", tag="hb"):
    """Everything through `v` has been sent. `age_ms`: since the last message of the aggregator,
    absent while it never was.
    """  # noqa: D205

    e: str
    v: int
    ts: int = 0
    age_ms: int | UnsetType = UNSET
    st: Health = "live"


class Lost(Struct, frozen=True, kw_only=True, tag_field="t", tag="lost"):
    """So many alerts between two versions are no longer available."""

    k: str
    n: int | None = None
    from_: int | None = msgspec.field(default=None, name="from")
    to: int | None = None


class Err(Struct, frozen=True, kw_only=True, tag_field="t", tag="err"):
    """A request was refused; `retry` says whether repeating it may help."""

    code: str
    id: Ident = None
    msg: str = ""
    retry: bool = False


class Bye(Struct, frozen=True, kw_only=True, tag_field="t", tag="bye"):
    """The gateway goes away; come back after a random time of this range."""

    why: str = ""
    retry_ms: tuple[int, int] | None = None


Frame: TypeAlias = Hello | Ok | Snap | Delta | Events | Beat | Lost | Err | Bye
SERVER_FRAMES: Final = (Hello, Ok, Snap, Delta, Events, Beat, Lost, Err, Bye)


# -- what the client says --------------------------------------------------------------------------
class Since(Struct, frozen=True, kw_only=True):
    """The state that a page was of."""

    e: str
    v: int


class Sub(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="sub"):
    """Subscribe; with `since`, from the state that a page showed."""

    id: int
    topics: list[str]
    since: Since | None = None


class Watch(Struct, frozen=True, kw_only=True, tag_field="op", tag="watch"):
    """Change the connection's watchlist."""

    id: int
    ids: list[str]
    mode: Literal["set", "add", "remove"] = "set"


class Unsub(Struct, frozen=True, kw_only=True, tag_field="op", tag="unsub"):
    """Take topics away."""

    id: int
    topics: list[str]


class Resume(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="resume"):
    """Go on from the version that is held of each topic."""

    id: int
    e: str
    topics: dict[str, int]
    watch: list[str] | None = None


class RateLimit(Struct, frozen=True, kw_only=True, tag_field="op", tag="rate"):
    """Ask for at most so many diffs a second."""

    id: int
    max_hz: float


class Ping(Struct, frozen=True, kw_only=True, tag_field="op", tag="ping"):
    """Ask for the server's clock."""

    id: int
    ts: int


Request: TypeAlias = Sub | Watch | Unsub | Resume | RateLimit | Ping
CLIENT_FRAMES: Final = (Sub, Watch, Unsub, Resume, RateLimit, Ping)


class _Kind(Struct):
    t: str


_decoder: Final[msgspec.json.Decoder[Frame]] = msgspec.json.Decoder(Frame)
_kind: Final = msgspec.json.Decoder(_Kind)
_encoder: Final = msgspec.json.Encoder()
_KNOWN: Final = frozenset(str(kind.__struct_config__.tag) for kind in SERVER_FRAMES)


def decode(data: bytes | str) -> Frame | None:
    """Decode one message; None when it is of a kind that this client does not know.

    Raises Malformed when it is no message of this protocol.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        try:
            known = _kind.decode(data).t in _KNOWN
        except (msgspec.MsgspecError, UnicodeDecodeError):
            known = True
        if known:
            raise Malformed(f"not a frame of {SUBPROTOCOL}: {error}") from None
        return None


def encode(request: Request) -> str:
    """Return a request as the text that is sent."""
    return _encoder.encode(request).decode()


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of every message by file name, as committed in docs/schemas/."""
    found = {}
    for side, kinds in (("server", SERVER_FRAMES), ("client", CLIENT_FRAMES)):
        for kind in kinds:
            schema = _with_even_texts(msgspec.json.schema(kind))
            head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
            found[f"{side}.{kind.__struct_config__.tag}.json"] = head | schema
    return found


def _with_even_texts(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Return a schema whose docstrings lost their indentation, as they do from Python 3.13 on."""
    if isinstance(schema, dict):
        return {
            key: cleandoc(part)
            if key == "description" and isinstance(part, str)
            else _with_even_texts(part)
            for key, part in schema.items()
        }
    return [_with_even_texts(part) for part in schema] if isinstance(schema, list) else schema
