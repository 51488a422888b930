"""Who may post without a key: programs of this machine, and nobody that came through a proxy. Pure.

A proxy on this machine connects from a loopback address, and a page that a browser here shows can
reach us under a name of its own (DNS rebinding). So a post without a key names a loopback host and
has no header that a proxy adds. A proxy that adds none and rewrites `Host` looks like a program of
this machine: INGEST_WITHOUT_KEYS=off is the answer to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

# Beginnings of the names of headers that proxies, load balancers, CDNs and tunnels add.
_OF_PROXIES: Final = (
    *(b"forwarded", b"x-forwarded", b"via", b"x-real-ip", b"x-original", b"x-proxy", b"proxy"),
    *(b"client-ip", b"x-client-ip", b"true-client-ip", b"x-cluster-client-ip", b"x-remote-"),
    *(b"cf-", b"cdn-", b"fastly-", b"akamai-", b"fly-", b"x-vercel-", b"x-nf-", b"x-azure-"),
    *(b"x-amz", b"x-appengine-", b"x-cloud-trace", b"x-goog-", b"x-envoy-", b"x-request-start"),
    *(b"x-haproxy", b"x-varnish", b"x-tunnel", b"x-arr-", b"tailscale-", b"ngrok-"),
)


def is_loopback(host: str) -> bool:
    """Return whether a name or address, without a port, is one of this machine alone."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_local(peer: str | None, http_version: str, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Return whether a request comes from a program of this machine itself.

    HTTP/1.0 is what nginx speaks where nobody has set anything.
    """
    if peer is None or not is_loopback(peer) or http_version == "1.0":
        return False
    if any(name.startswith(_OF_PROXIES) for name, _ in headers):
        return False
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    return len(hosts) == 1 and is_loopback(_without_port(hosts[0]))


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0]
    return host.partition(":")[0]
