"""Topic names: parsed, checked and brought to their one canonical spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from dexwire.stream import topics as names
from dexwire.stream.topics import (
    ANY_CHAIN,
    LEVELS,
    LIST_FORM,
    LIST_SIZES,
    NAMED,
    NO_WINDOW,
    ORDERS,
    SORTS,
    WINDOWED,
    WINDOWS,
)
from shared.chains import canonical_chain, token_id
from shared.model import metric_of
from shared.spellings import canonical_address

Kind = Literal["rows", "token", "list", "tokens", "alerts"]

_QUOTED: Final = 64  # characters of the input that an error repeats
_COMMA = re.compile(r",(?![^<>]*>)")
_LEVEL = re.compile(rf"(?:\A|:)L([{LEVELS[0]}-{LEVELS[-1]}])\Z")

# A single colon: a Move type may end in `::listed`.
_EVENT = re.compile(rf"(?:\A|(?<!:):)({'|'.join(NAMED)})\Z")


class BadTopic(ValueError):
    """A topic name cannot be served; `code` is the protocol's."""

    code: Final = "bad_topic"


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
    level: int = 1  # the least level of alerts …
    event: str = ""  # … or their only type
    watched: tuple[str, ...] = ()  # token ids of a watchlist
    owner: str = ""  # whose watchlist, and which edit of it

    @property
    def key(self) -> str:
        return f"{self.name}#{self.owner}" if self.owner else self.name

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens that it names."""
        return self.watched if self.token_id is None else (self.token_id,)


ALL: Final = Topic(names.ALL)
TOKENS: Final = Topic(names.WATCHLIST, kind="tokens")


def split_names(joined: str) -> list[str]:
    """Split names that commas join; those within the `<…>` of a generic type join nothing."""
    return _COMMA.split(joined)


def watch_topic(ids: tuple[str, ...], owner: str) -> Topic:
    """Return one connection's watchlist after one of its edits."""
    return Topic(TOKENS.name, kind="tokens", watched=ids, owner=owner)


def parse_token_id(written: str) -> str:
    """Return the canonical id of `<chain>:<address>`. Raises BadTopic."""
    chain_name, _, raw_address = written.partition(":")
    chain = canonical_chain(chain_name)
    address = canonical_address(chain, raw_address) if chain else None
    if chain is None or address is None:
        raise BadTopic(f"no token id '{written[:_QUOTED]}'")
    return token_id(chain, address)


def parse_topic(name: str) -> Topic:
    """Parse what a client wrote (docs/STREAM.md, "Topics").

    Chains may be given by any name that a source uses (`eth`), addresses in any spelling; the
    result has the canonical name, which is the one that frames carry. The topic of `tokens` has no
    ids: they belong to the connection.

    Raises BadTopic.
    """
    kind, _, rest = name.partition(":")
    if name == ALL.name:
        return ALL
    if name == TOKENS.name:
        return TOKENS
    if kind == "chain":
        chain = _chain(rest)
        return Topic(names.chain_topic(chain), chain=chain)
    if kind == "token":
        ident = parse_token_id(rest)
        return Topic(names.token_topic(ident), token_id=ident, kind="token")
    if kind == "list":
        return _list_topic(rest)
    if kind == names.ALERTS:
        return _alerts_topic(name, rest)
    raise BadTopic(f"unknown topic '{name[:_QUOTED]}'")


def _chain(name: str) -> str:
    chain = canonical_chain(name)
    if chain is None:
        raise BadTopic(f"unknown chain '{name[:_QUOTED]}'")
    return chain


def _list_topic(rest: str) -> Topic:
    parts = rest.split(":")
    if len(parts) != 5:
        raise BadTopic(f"a list is {LIST_FORM}, not 'list:{rest[:_QUOTED]}'")
    sort, window, order, chain_name, count = parts
    windows = WINDOWS if sort in WINDOWED else (NO_WINDOW,)
    counts = tuple(map(str, LIST_SIZES))
    for what, value, known in (
        ("sort", sort, SORTS),
        ("window", window, windows),
        ("order", order, sorted(ORDERS)),
        ("length", count, counts),
    ):
        if value not in known:
            raise BadTopic(f"unknown {what} '{value[:_QUOTED]}'; one of {' '.join(known)}")
    chain = None if chain_name == ANY_CHAIN else _chain(chain_name)
    ranking = ListRanking(metric_of(sort, window), order == "desc", chain, int(count))
    name = names.list_topic(sort, window, order, chain, int(count))
    return Topic(name, chain=chain, kind="list", ranking=ranking)


def _alerts_topic(name: str, rest: str) -> Topic:
    if rest == "" and name != names.ALERTS:
        raise BadTopic("unknown topic 'alerts:'")
    level_name, event_name = _LEVEL.search(rest), _EVENT.search(rest)
    found = level_name or event_name
    level = int(level_name[1]) if level_name else LEVELS[0]
    event = event_name[1] if event_name and not level_name else ""
    of = rest[: found.start()] if found else rest
    if level_name and _EVENT.search(of):
        raise BadTopic(f"what is {' or '.join(NAMED)} has no level")
    chain, ident = None, None
    if of.startswith("token:"):
        ident = parse_token_id(of.removeprefix("token:"))
    elif re.fullmatch(r"L\d*", of):
        raise BadTopic(f"no level '{of[:_QUOTED]}'; one of {' '.join(f'L{n}' for n in LEVELS)}")
    elif of:
        chain = _chain(of)
    canonical = names.alerts_topic(level, chain=chain, ident=ident, kind=event)
    return Topic(canonical, chain=chain, token_id=ident, kind="alerts", level=level, event=event)
