"""Watches services come up and tells what is waited for, and in the end where to look."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from dexwire.server.net import http_get, is_open, origin
from dexwire.server.screen import Screen
from dexwire.server.settings import UpSettings

BANNER: Final = "DEMO: replayed market, not live data"
_CHECKED_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Ports:
    """Where services listen; all were free when they were checked. `replay` only in a demo."""

    api: int
    ws: int
    replay: int | None


async def tell_when_ready(settings: UpSettings, ports: Ports, screen: Screen) -> None:
    """Tell what everybody still waits for, each thing once, and in the end where to look."""
    started, said = time.monotonic(), ""
    while waiting := await _waiting_for(settings, ports):
        if waiting != said:
            screen.say(f"waiting for {waiting}")
            said = waiting
        await asyncio.sleep(_CHECKED_S)
    api_url = origin("http", settings.api_host, ports.api)
    ws_url = origin("ws", settings.ws_host, ports.ws)
    screen.say(f"ready after {time.monotonic() - started:.1f} s")
    if settings.demo:
        screen.shout(BANNER)
    screen.say(
        f"  page    {api_url}/\n"
        f"  data    {api_url}/discover\n"
        f"  stream  {ws_url}/ws?topics=all\n"
        f"  health  {api_url}/health\n"
        f"try       curl '{api_url}/discover?limit=5'\n"
        f"audit     {_our_command()} verify (in this folder)\n"
        "stop      Ctrl-C"
    )


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


async def _waiting_for(settings: UpSettings, ports: Ports) -> str:
    """Return what is not there yet, in one word or two; "" when everything is."""
    try:
        status, body = await http_get(settings.api_host, ports.api, "/discover?limit=1")
    except OSError:
        return "the api"
    if not await is_open(settings.ws_host, ports.ws):
        return "the stream"
    if status != 200:
        return f"the first tokens ({_problem_code(body) or status})"
    try:
        tokens = msgspec.json.decode(body, type=_Page).tokens
    except ValueError:
        return "the api (it answers with something else)"
    return "" if tokens else "the first tokens"


class _Page(msgspec.Struct):
    tokens: list[msgspec.Raw]


class _Problem(msgspec.Struct):
    code: str = ""


def _problem_code(body: bytes) -> str:
    with contextlib.suppress(ValueError):
        return msgspec.json.decode(body, type=_Problem).code
    return ""
