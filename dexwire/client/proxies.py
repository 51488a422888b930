"""Which requests go through the proxy that the environment names. Pure.

This machine is requested directly: no proxy reaches it, whatever ALL_PROXY says.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_SCHEMES: Final = {
    "http": ("http_proxy", "all_proxy"),
    "https": ("https_proxy", "all_proxy"),
    # In the order in which websockets looks.
    "ws": ("ws_proxy", "socks_proxy", "http_proxy", "https_proxy", "all_proxy"),
    "wss": ("wss_proxy", "socks_proxy", "https_proxy", "all_proxy"),
}

PROXY_VARIABLES: Final = tuple(
    dict.fromkeys(
        variable
        for names in _SCHEMES.values()
        for name in names
        for variable in (name.upper(), name)
    )
)


def is_here(url: str) -> bool:
    """Return whether an address is of this machine: localhost, 127.0.0.0/8, ::1, 0.0.0.0."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or address.is_unspecified


def proxy_variable(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the variable whose proxy a request goes through, None when it goes directly."""
    parts = urlsplit(url)
    given = {name.lower(): name for name, value in environ.items() if value}
    without = environ.get(given.get("no_proxy", ""), "")
    if is_here(url) or _bypassed(parts.hostname or "", without):
        return None
    return next((given[name] for name in _SCHEMES.get(parts.scheme, ()) if name in given), None)


def _bypassed(host: str, no_proxy: str) -> bool:
    words = [word.strip().lstrip(".") for word in no_proxy.lower().split(",")]
    return any(word and (word == "*" or f".{host}".endswith(f".{word}")) for word in words)


def through(url: str, environ: Mapping[str, str]) -> str:
    """Return ` (through the proxy of ALL_PROXY)`, or nothing."""
    variable = proxy_variable(url, environ)
    return "" if variable is None else f" (through the proxy of {variable})"


def unusable(url: str, environ: Mapping[str, str], error: Exception) -> str:
    """Return what to say of a proxy that the libraries cannot use, SOCKS without its package."""
    given = [name for name in PROXY_VARIABLES if environ.get(name)]
    variable = proxy_variable(url, environ) or ", ".join(given)
    why = getattr(error, "msg", "") or str(error)  # `msg` of websockets leaves out the password
    return f"{variable}: this proxy cannot be used: {why}"
