"""The line of a minute that `dexwire up` writes on a terminal: what was done, and for how many."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from msgspec import Struct

from dexwire.server.settings import UpSettings
from dexwire.server.up.net import http_get
from dexwire.server.up.ports import Ports
from dexwire.server.up.screen import Screen

_EVERY_S: Final = 60.0
_START_S: Final = 0.5  # until services answer for the first time
_TROUBLE: Final = frozenset({"no_source", "delivery"})


class _Source(Struct, frozen=True):
    calls: int = 0
    errors: int = 0


class _Api(Struct, frozen=True):
    """What counts of the api's `/health`."""

    sources: dict[str, _Source] = {}
    token_count: int = 0
    epoch: str | None = None
    version: int | None = None
    reason: str = ""
    detail: str = ""


class _Gateway(Struct, frozen=True):
    """What counts of the gateway's `/health`."""

    connections: int = 0


class Totals(Struct, frozen=True, kw_only=True):
    """What was done until a moment; counts are since the store began."""

    calls: int
    failed: int
    tokens: int
    epoch: str | None
    version: int
    clients: int
    trouble: str = ""  # for people


async def take_sample(settings: UpSettings, ports: Ports) -> Totals | None:
    """Return what was done until now, None while services do not answer."""
    try:
        _, api_body = await http_get(settings.api_host, ports.api, "/health")
        _, ws_body = await http_get(settings.ws_host, ports.ws, "/health")
        api = msgspec.json.decode(api_body, type=_Api)
        gateway = msgspec.json.decode(ws_body, type=_Gateway)
    except (OSError, msgspec.MsgspecError):
        return None
    return Totals(
        calls=sum(source.calls for source in api.sources.values()),
        failed=sum(source.errors for source in api.sources.values()),
        tokens=api.token_count,
        epoch=api.epoch,
        version=api.version or 0,
        clients=gateway.connections,
        trouble=api.detail if api.reason in _TROUBLE else "",
    )


def summary(before: Totals, now: Totals) -> str:
    """Return the line of the time between two samples."""
    calls, failed = max(0, now.calls - before.calls), max(0, now.failed - before.failed)
    commits = now.version - before.version if now.epoch == before.epoch else now.version
    return (
        f"{_count(calls, 'call')} ({failed} failed), {_count(commits, 'commit')}; "
        f"now {_count(now.tokens, 'token')}, {_count(now.clients, 'client')}"
    )


async def write_summaries(
    settings: UpSettings, ports: Ports, screen: Screen, *, every_s: float = _EVERY_S
) -> None:
    """Write one line a minute, where somebody looks; cancel it to end."""
    before: Totals | None = None
    while screen.live:
        now = await take_sample(settings, ports)
        if before is not None and now is not None:
            screen.summary(summary(before, now))
            if now.trouble:
                screen.alert(now.trouble)
        before = now or before
        await asyncio.sleep(_START_S if before is None else every_s)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
