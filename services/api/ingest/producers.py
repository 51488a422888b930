"""Who may post to `/ingest`: keys `<id>.<secret>`, compared in constant time.

`<id>:polled.<secret>` is a fetcher's key: it may post as a polled source, and as nothing else.
Pure. Only the secret's sha256 is kept; it may also be all that the settings hold.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

LOCAL: Final = "local"  # the producer's name where no keys are configured
POLLED: Final = "polled"  # the right to post as a polled source
_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_SECRET = re.compile(r"[!-+\--~]{32,256}")  # printable ASCII without space and comma
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Producer:
    """One key. `id` may be logged; two keys of one id are for rotation.

    `polled`: it posts as a polled source, with pools, and as nothing else; the others never do.
    """

    id: str
    digest: bytes = field(repr=False)
    polled: bool = False


def parse_producers(text: str) -> tuple[Producer, ...]:
    """Parse the comma list of INGEST_API_KEYS. Raises ValueError that never quotes a secret."""
    found = []
    for number, entry in enumerate(filter(None, (e.strip() for e in text.split(","))), start=1):
        named, _, secret = entry.partition(".")
        name, colon, right = named.partition(":")
        if not _ID.fullmatch(name):
            raise ValueError(f"key {number} must be <id>.<secret>, the id in [a-z][a-z0-9_-]*")
        if colon and right != POLLED:
            raise ValueError(f"key {number} ({name}): the only right is <id>:{POLLED}.<secret>")
        hashed = _SHA256.fullmatch(secret)
        if hashed:
            digest = bytes.fromhex(hashed[1])
        elif _SECRET.fullmatch(secret):
            digest = hashlib.sha256(secret.encode()).digest()
        else:
            raise ValueError(f"key {number} ({name}) needs a secret of 32 to 256 characters")
        found.append(Producer(name, digest, polled=bool(colon)))
    return tuple(found)


def authenticate(authorization: Sequence[bytes], producers: Sequence[Producer]) -> Producer | None:
    """Return the key that the `Authorization` headers prove, or None.

    Every key is compared whatever was presented, so that the time reveals nothing.
    """
    presented = authorization[0] if len(authorization) == 1 else b""
    scheme, _, credentials = presented.partition(b" ")
    name, _, secret = credentials.strip(b" ").partition(b".")
    digest = hashlib.sha256(secret).digest()
    proven = None
    for producer in producers:
        same_secret = compare_digest(producer.digest, digest)
        same_name = compare_digest(producer.id.encode(), name)
        if same_secret & same_name & (scheme.lower() == b"bearer"):
            proven = producer
    return proven
