"""Topic names: parsed, checked and brought to their one canonical spelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.chains import canonical_address, canonical_chain, token_id

# Kinds that the protocol knows and this gateway does not serve yet.
_PLANNED: Final = ("list", "tokens", "alerts")
_QUOTED: Final = 64  # characters of the input that an error repeats


class BadTopic(ValueError):
    """A topic name cannot be served; `code` is the protocol's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Topic:
    """One canonical topic. `chain` or `token_id` narrows it; with neither it is everything."""

    name: str
    chain: str | None = None
    token_id: str | None = None


ALL: Final = Topic("all")


def chain_topic(chain: str) -> Topic:
    """Return the topic of a canonical chain id."""
    return Topic(f"chain:{chain}", chain=chain)


def token_topic(ident: str) -> Topic:
    """Return the topic of a canonical token id."""
    return Topic(f"token:{ident}", token_id=ident)


def parse_topic(name: str) -> Topic:
    """Parse what a client wrote: `all`, `chain:<chain>` or `token:<chain>:<address>`.

    Chains may be given by any name that a source uses (`eth`), EVM addresses in any case; the
    result has the canonical name, which is the one that frames carry.

    Raises BadTopic: `bad_topic`, or `unsupported` for kinds of a later version.
    """
    kind, _, rest = name.partition(":")
    if name == "all":
        return ALL
    if kind == "chain":
        chain = canonical_chain(rest)
        if chain is None:
            raise BadTopic("bad_topic", f"unknown chain '{rest[:_QUOTED]}'")
        return chain_topic(chain)
    if kind == "token":
        chain_name, _, raw_address = rest.partition(":")
        chain, address = canonical_chain(chain_name), canonical_address(raw_address)
        if chain is None or address is None:
            raise BadTopic("bad_topic", f"no token id '{rest[:_QUOTED]}'")
        return token_topic(token_id(chain, address))
    if kind in _PLANNED:
        raise BadTopic("unsupported", f"topics of the kind '{kind}' are not served yet")
    raise BadTopic("bad_topic", f"unknown topic '{name[:_QUOTED]}'")
