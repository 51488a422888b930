"""Origins of browsers, as settings write them and as browsers send them. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_EXACT: Final = "must be exact origins, as in https://app.example.org"


def canonical_origin(text: str) -> str:
    """Return an origin as browsers send it: lower case, without the scheme's default port.

    Raises ValueError for anything else than a scheme, a host and a port.
    """
    parts = urlsplit(text)
    scheme = parts.scheme  # in lower case
    if scheme not in _DEFAULT_PORTS or not parts.hostname or "*" in text or "@" in text:
        raise ValueError(_EXACT)
    if text[len(scheme) :] != f"://{parts.netloc}":
        raise ValueError(f"{_EXACT}, with nothing after the host and the port")
    if not text.isascii():
        raise ValueError(f"{_EXACT}; browsers send an international name as xn--...")
    port = parts.port  # raises ValueError when it is none
    host = _bracketed(parts.hostname) if "[" in parts.netloc else parts.hostname
    return f"{scheme}://{host}" + ("" if port in {None, _DEFAULT_PORTS[scheme]} else f":{port}")


def spellings(origins: Iterable[str]) -> list[str]:
    """Return canonical origins, and each once more with its default port where that is left out.

    No browser sends it; other clients do.
    """
    found: list[str] = []
    for origin in origins:
        parts = urlsplit(origin)
        found.append(origin)
        if parts.port is None:
            found.append(f"{origin}:{_DEFAULT_PORTS[parts.scheme]}")
    return found


def _bracketed(address: str) -> str:
    return f"[{ipaddress.IPv6Address(address).compressed}]"
