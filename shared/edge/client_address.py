"""Who asks: the client's address behind proxies, and the key under which its limits count. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_IPV6_SITE: Final = 64  # bits: what one subscriber is given, and can move about in
# What some proxies append to the address that they saw.
_PORT: Final = re.compile(r"\A(?:\[([^\]]+)\](?::\d+)?|([0-9.]+):\d+)\Z")
_FORWARDED_MAX: Final = 4_096  # characters; from the right, where the near proxies write


def check_network(word: str) -> str:
    """Return an address or a network in CIDR form as it is. Raises ValueError."""
    try:
        ip_network(word)
    except ValueError:
        detail = "must be addresses or networks, as in 10.0.0.1,192.168.0.0/16,fd00::/8"
        raise ValueError(detail) from None
    return word


class Proxies:
    """The proxies whose X-Forwarded-For is believed, as addresses or networks.

    Raises ValueError for a word that is neither.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._networks = tuple(ip_network(word) for word in words)
        self._trusts = lru_cache(maxsize=1_024)(self._look_up)

    def trusts(self, address: str) -> bool:
        """Return whether an address is one of our proxies."""
        return bool(self._networks) and self._trusts(address)

    def client(self, peer: str, forwarded: str) -> str:
        """Return the client's address as the nearest proxy of ours saw it.

        `peer` is the other end of the connection, empty on a unix socket; `forwarded` is
        X-Forwarded-For, several of them joined by commas. It is read from the right, hop by hop,
        as long as its writer is one of our proxies: what lies further left is a client's
        own invention. A hop that is no address ends the walk at the proxy that wrote it.
        """
        address = peer
        if not self.trusts(peer):
            return address
        for hop in reversed(forwarded[-_FORWARDED_MAX:].split(",")):
            named = _parse(hop.strip())
            if named is None:
                break
            address = str(named)
            if not self.trusts(address):
                break
        return address

    def _look_up(self, address: str) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._networks)


@lru_cache(maxsize=4_096)
def limit_key(address: str) -> str:
    """Return under what an address is counted: IPv4 whole, IPv6 by its /64, else as it is."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), _IPV6_SITE), strict=False))
    return address if parsed is None else str(parsed)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address, with a port behind it or not; IPv4 inside IPv6 is IPv4."""
    with_port = _PORT.match(text)
    if with_port:
        text = with_port[1] or with_port[2]
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        return parsed.ipv4_mapped or IPv6Address(int(parsed))  # without the zone of fe80::1%eth0
    return parsed
