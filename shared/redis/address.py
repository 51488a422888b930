"""Where Redis is, and who we are there: what REDIS_URL and the settings beside it say. Pure.

| URL | what it names |
| --- | --- |
| `redis://[user@]host[:port][/db]` | one server; `rediss://`: over TLS |
| `unix:///path/to/redis.sock` | one server on this machine |
| `redis+sentinel://[user@]host:port,host:port/<master>[/db]` | what these Sentinels call master |
| `redis+cluster://[user@]host:port,host:port` | of these nodes' cluster, the owner of our slot |

`rediss+sentinel://` and `rediss+cluster://` do all of it over TLS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

Host: TypeAlias = tuple[str, int]
Kind: TypeAlias = Literal["server", "unix", "sentinel", "cluster"]

_SCHEMES: Final[dict[str, Kind]] = {
    "redis": "server",
    "rediss": "server",
    "unix": "unix",
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
}
_PORT: Final[dict[Kind, int]] = {"server": 6379, "unix": 0, "sentinel": 26379, "cluster": 6379}
_SLOTS: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPlace:
    """A URL of Redis, taken apart."""

    kind: Kind
    tls: bool
    hosts: tuple[Host, ...]  # none for a socket; Sentinels, or any nodes of a cluster
    path: str = ""  # of a socket
    user: str = ""
    password: str | None = field(default=None, repr=False)
    master: str = ""
    db: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """What it takes to connect. Its text is fit for logs: it holds no password."""

    url: str = field(repr=False)
    prefix: str = ""  # of the keys; in a cluster it decides the slot
    password: str | None = field(default=None, repr=False)  # in the place of the URL's
    sentinel_user: str = ""
    sentinel_password: str | None = field(default=None, repr=False)
    ca_file: str | None = None  # None: the authorities that this machine trusts
    cert_file: str | None = None  # our own certificate, where the server asks for one
    key_file: str | None = None

    def __str__(self) -> str:
        return public_url(self.url)

    def parts(self) -> RedisPlace:
        """Return the URL taken apart. Raises ValueError when it is none."""
        return parse_redis_url(self.url)


def public_url(url: str) -> str:
    """Return the URL without its password, for logs and errors."""
    scheme, sep, rest = url.partition("://")
    return f"{scheme}{sep}{rest.partition('?')[0].rpartition('@')[2]}"


def parse_redis_url(url: str) -> RedisPlace:
    """Take a URL apart. Raises ValueError with what is wrong, never with the password."""
    # Several hosts are no authority to urlsplit: newer ones refuse a bracket after the first.
    scheme, sep, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    parts = urlsplit(f"{scheme}{sep}{rest[len(authority) :]}")
    kind = _SCHEMES.get(parts.scheme)
    if kind is None:
        raise ValueError(f"must start with one of {', '.join(s + '://' for s in _SCHEMES)}")
    userinfo, _, places = authority.rpartition("@")
    user, colon, password = userinfo.partition(":")
    if kind == "unix" and not parts.path:
        raise ValueError("needs the path of a socket, as in unix:///run/redis.sock")
    master, db = _path(kind, parts)
    return RedisPlace(
        kind=kind,
        tls=parts.scheme.startswith("rediss"),
        hosts=() if kind == "unix" else _hosts(kind, places),
        path=parts.path if kind == "unix" else "",
        user=unquote(user),
        password=unquote(password) if colon else None,
        master=master,
        db=db,
    )


def _hosts(kind: Kind, places: str) -> tuple[Host, ...]:
    found = []
    for place in places.split(","):
        try:
            one = urlsplit(f"//{place}")
            host, port = one.hostname, one.port
        except ValueError:
            raise ValueError("has a host or a port that is none") from None
        if not host or port == 0:
            raise ValueError("needs a host, as in redis://127.0.0.1:6379/0")
        found.append((host, port or _PORT[kind]))
    if kind == "server" and len(found) > 1:
        raise ValueError("names several hosts; redis+sentinel:// or redis+cluster:// are for that")
    return tuple(found)


def _path(kind: Kind, parts: SplitResult) -> tuple[str, int]:
    """Return the master's name and the database."""
    if kind == "unix":
        return "", 0
    if parts.query and kind != "server":
        raise ValueError("takes no options after ?")
    words = [unquote(word) for word in parts.path.split("/") if word]
    master = ""
    if kind == "sentinel":
        if not words:
            raise ValueError(
                "needs the name of the master that the Sentinels watch, as in "
                "redis+sentinel://127.0.0.1:26379/mymaster/0"
            )
        master = words.pop(0)
    if len(words) > 1 or (words and not re.fullmatch(r"[0-9]{1,5}", words[0])):
        raise ValueError("needs the number of a database behind the last /, or nothing")
    db = int(words[0]) if words else 0
    if kind == "cluster" and db:
        raise ValueError("names a database, and a cluster has none but 0")
    return master, db


def hash_tag(prefix: str) -> str | None:
    """Return what a cluster hashes of every key with this prefix, None when that differs by key."""
    start = prefix.find("{")
    end = prefix.find("}", start + 1)
    return prefix[start + 1 : end] if start >= 0 and end > start + 1 else None


def key_slot(tag: str) -> int:
    """Return a cluster's slot of a hash tag: CRC-16 (XMODEM) modulo 16384."""
    crc = 0
    for byte in tag.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc % _SLOTS
