"""Topic names: parsed, checked and brought to their one canonical spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from shared.chains import canonical_chain, token_id
from shared.model import SORTS, WINDOWED, WINDOWS, metric_of
from shared.spellings import canonical_address

Kind = Literal["rows", "token", "list", "tokens", "alerts"]

COUNTS: Final = (10, 25, 50, 100, 200)  # lengths of lists
_ORDERS: Final = ("asc", "desc")
_QUOTED: Final = 64  # characters of the input that an error repeats
_COMMA = re.compile(r",(?![^<>]*>)")
_LEVEL = re.compile(r"(?:\A|:)L([1-4])\Z")


class BadTopic(ValueError):
    """A topic name cannot be served; `code` is the protocol's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class ListRanking:
    """What a list shows: the first `count` ids of an order, of one chain or (None) of all."""

    metric: str
    descending: bool
    chain: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Topic:
    """One canonical topic. `chain` or `token_id` narrows it; with neither it is everything.

    `key` is what the hub knows it by: its name, but for a watchlist, which belongs to one
    connection and is another topic after each edit.
    """

    name: str
    chain: str | None = None
    token_id: str | None = None
    kind: Kind = "rows"
    ranking: ListRanking | None = None  # of a list
    level: int = 1  # the least level of alerts
    watched: tuple[str, ...] = ()  # token ids of a watchlist
    owner: str = ""  # whose watchlist, and which edit of it

    @property
    def key(self) -> str:
        return f"{self.name}#{self.owner}" if self.owner else self.name

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens that it names."""
        return self.watched if self.token_id is None else (self.token_id,)


ALL: Final = Topic("all")
TOKENS: Final = Topic("tokens", kind="tokens")


def split_names(joined: str) -> list[str]:
    """Split names that commas join; those within the `<…>` of a generic type join nothing."""
    return _COMMA.split(joined)


def chain_topic(chain: str) -> Topic:
    """Return the topic of a canonical chain id."""
    return Topic(f"chain:{chain}", chain=chain)


def token_topic(ident: str) -> Topic:
    """Return the topic of a canonical token id."""
    return Topic(f"token:{ident}", token_id=ident, kind="token")


def watch_topic(ids: tuple[str, ...], owner: str) -> Topic:
    """Return one connection's watchlist after one of its edits."""
    return Topic(TOKENS.name, kind="tokens", watched=ids, owner=owner)


def parse_token_id(written: str) -> str:
    """Return the canonical id of `<chain>:<address>`. Raises BadTopic."""
    chain_name, _, raw_address = written.partition(":")
    chain = canonical_chain(chain_name)
    address = canonical_address(chain, raw_address) if chain else None
    if chain is None or address is None:
        raise BadTopic("bad_topic", f"no token id '{written[:_QUOTED]}'")
    return token_id(chain, address)


def parse_topic(name: str) -> Topic:
    """Parse what a client wrote (docs/STREAM.md, "Topics").

    Chains may be given by any name that a source uses (`eth`), addresses in any spelling; the
    result has the canonical name, which is the one that frames carry. The topic of `tokens` has no
    ids: they belong to the connection.

    Raises BadTopic.
    """
    kind, _, rest = name.partition(":")
    if name == "all":
        return ALL
    if name == "tokens":
        return TOKENS
    if kind == "chain":
        return chain_topic(_chain(rest))
    if kind == "token":
        return token_topic(parse_token_id(rest))
    if kind == "list":
        return _list_topic(rest)
    if kind == "alerts":
        return _alerts_topic(name, rest)
    raise BadTopic("bad_topic", f"unknown topic '{name[:_QUOTED]}'")


def _chain(name: str) -> str:
    chain = canonical_chain(name)
    if chain is None:
        raise BadTopic("bad_topic", f"unknown chain '{name[:_QUOTED]}'")
    return chain


def _list_topic(rest: str) -> Topic:
    parts = rest.split(":")
    if len(parts) != 5:
        form = "list:<sort>:<window>:<order>:<chain|*>:<n>"
        raise BadTopic("bad_topic", f"a list is {form}, not 'list:{rest[:_QUOTED]}'")
    sort, window, order, chain_name, count = parts
    windows = WINDOWS if sort in WINDOWED else ("-",)
    counts = tuple(map(str, COUNTS))
    for what, value, known in (
        ("sort", sort, SORTS),
        ("window", window, windows),
        ("order", order, _ORDERS),
        ("length", count, counts),
    ):
        if value not in known:
            raise BadTopic(
                "bad_topic", f"unknown {what} '{value[:_QUOTED]}'; one of {' '.join(known)}"
            )
    chain = None if chain_name == "*" else _chain(chain_name)
    ranking = ListRanking(metric_of(sort, window), order == "desc", chain, int(count))
    name = f"list:{sort}:{window}:{order}:{chain or '*'}:{count}"
    return Topic(name, chain=chain, kind="list", ranking=ranking)


def _alerts_topic(name: str, rest: str) -> Topic:
    if rest == "" and name != "alerts":
        raise BadTopic("bad_topic", "unknown topic 'alerts:'")
    found = _LEVEL.search(rest)
    level = int(found[1]) if found else 1
    of = rest[: found.start()] if found else rest
    chain, ident = None, None
    if of.startswith("token:"):
        ident = parse_token_id(of.removeprefix("token:"))
    elif re.fullmatch(r"L\d*", of):
        raise BadTopic("bad_topic", f"no level '{of[:_QUOTED]}'; one of L1 L2 L3 L4")
    elif of:
        chain = _chain(of)
    return alerts_topic(level, chain=chain, ident=ident)


def alerts_topic(level: int = 1, *, chain: str | None = None, ident: str | None = None) -> Topic:
    """Return the topic of alerts of at least a level: of all, of a chain, or of a token."""
    of = f":token:{ident}" if ident else f":{chain}" if chain else ""
    least = f":L{level}" if level > 1 else ""
    return Topic(f"alerts{of}{least}", chain=chain, token_id=ident, kind="alerts", level=level)
