"""Watches services come up and reports what is waited for, and in the end where to look."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from dexwire.server.settings import UpSettings
from dexwire.server.up.net import http_get, is_open, origin
from dexwire.server.up.ports import Ports
from dexwire.server.up.screen import Screen
from dexwire.stream.messages import PATH
from dexwire.stream.topics import ALL
from shared.recording.traffic import Summary

BANNER: Final = "DEMO: replayed market, not live data"
_CHECKED_S: Final = 0.25


def banner(settings: UpSettings, recording: Summary | None) -> str:
    """Return what marks a market that is not live; "" for one that is."""
    if recording is None:
        return BANNER if settings.demo else ""
    began = datetime.fromtimestamp(recording.head.began_ms / 1000, UTC)
    return (
        f"REPLAY: {settings.replay_file}, a market of {began:%Y-%m-%d %H:%M} UTC, at "
        f"{settings.replay_speed:g} times its speed; not live data"
    )


async def report_when_ready(
    settings: UpSettings,
    ports: Ports,
    screen: Screen,
    recording: Summary | None = None,
    *,
    ready: asyncio.Event,
) -> None:
    """Say what is waited for, each thing once, and in the end where to look; set `ready` then.

    Where no source answers, say that and where to look, and go on waiting.
    """
    started, shown, looking = time.monotonic(), "", False
    for_tokens = False
    while waiting := await _waiting_for(settings, ports):
        if waiting.text != shown:
            if waiting.for_tokens and not for_tokens:
                screen.begin("tokens", waiting.text)
                for_tokens = True
            screen.waiting(waiting.text)
            shown = waiting.text
        if waiting.trouble and not looking:
            screen.alert(waiting.trouble)
            screen.addresses(_addresses(settings, ports))
            screen.waiting(waiting.text)
            looking = True
        await asyncio.sleep(_CHECKED_S)
    ready.set()
    if not for_tokens:
        screen.begin("tokens", "the first tokens")
    screen.finish(f"ready after {time.monotonic() - started:.1f} s")
    if not looking:
        shown = banner(settings, recording)
        if shown:
            screen.shout(shown)
        screen.addresses(_addresses(settings, ports))


def _addresses(settings: UpSettings, ports: Ports) -> list[tuple[str, str]]:
    api_url = origin("http", settings.api_host, ports.api)
    ws_url = origin("ws", settings.ws_host, ports.ws)
    return [
        ("page", f"{api_url}/"),
        ("data", f"{api_url}/discover"),
        ("stream", f"{ws_url}{PATH}?topics={ALL}"),
        ("health", f"{api_url}/health"),
        ("try", f"curl '{api_url}/discover?limit=5'"),
        ("audit", f"{_our_command()} verify (in this folder)"),
        ("stop", "Ctrl-C"),
    ]


def _our_command() -> str:
    """Return how this command is typed here: in an unactivated environment, by its path."""
    if shutil.which("dexwire"):
        return "dexwire"
    path = Path(sys.argv[0])
    if path.name != "dexwire":
        return "python -m dexwire"
    with contextlib.suppress(ValueError):
        path = path.absolute().relative_to(Path.cwd())
    return str(path)


@dataclass(frozen=True, slots=True)
class _Awaited:
    text: str  # what for
    for_tokens: bool = False  # api and stream are there
    trouble: str = ""  # why it may be in vain, for people


async def _waiting_for(settings: UpSettings, ports: Ports) -> _Awaited | None:
    """Return what is not there yet; None when everything is."""
    try:
        status, body = await http_get(settings.api_host, ports.api, "/discover?limit=1")
    except OSError:
        return _Awaited("the api")
    if not await is_open(settings.ws_host, ports.ws):
        return _Awaited("the stream")
    try:
        page = msgspec.json.decode(body, type=_Page)
    except ValueError:
        return _Awaited("the api (it answers with something else)")
    if status != 200:
        trouble = page.detail if page.reason else ""  # why nothing comes
        return _Awaited(
            f"the first tokens ({page.code or status})", for_tokens=True, trouble=trouble
        )
    return None if page.tokens else _Awaited("the first tokens", for_tokens=True)


class _Page(msgspec.Struct):
    """What counts of `/discover`: a page, or the problem in its place."""

    tokens: list[msgspec.Raw] = []
    code: str = ""
    reason: str = ""
    detail: str = ""
