"""`dexwire record`: the fetcher and an aggregator on a server of their own, and a file.

The aggregator is there because the fetcher asks the store what to refresh: without it a recording
would hold other calls than a live run makes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from dexwire.server.settings import UpSettings
from dexwire.server.up.command import demo_rate_factor, on_signals, services
from dexwire.server.up.embedded import EmbeddedServer
from dexwire.server.up.leftovers import remove_leftovers
from dexwire.server.up.net import is_open, take_port
from dexwire.server.up.ports import Ports
from dexwire.server.up.screen import Screen
from dexwire.server.up.supervisor import Service, Supervisor
from services.fetcher.app import bounds_of, run_sources
from services.fetcher.configured import read_sources
from services.fetcher.record import TrafficRecorder
from services.fetcher.settings import FetcherSettings
from shared.errors import ConfigError
from shared.process.logs import setup_logs
from shared.process.settings import read_settings

PROGRESS_S: Final = 10.0
SERVER_STOP_S: Final = 1.5
_LOOK_S: Final = 0.2
_STORE: Final = {"replay", "aggregator"}
_ENDED: Final = {"stopped": "a signal", "time": "its time", "size": "its size"}


async def record(
    file: Path, minutes: float | None, max_bytes: int | None, tokens: int | None, *, demo: bool
) -> int:
    """Record until a bound is reached or a signal comes; return the exit code.

    Raises ConfigError for a file that is there already or cannot be written.
    """
    settings = read_settings(UpSettings, demo=demo or None, replay_tokens=tokens)
    replay = take_port("127.0.0.1", 0, "replay") if demo else None
    url = f"http://127.0.0.1:{replay}" if replay else None
    stop = asyncio.Event()
    with on_signals(stop.set), contextlib.ExitStack() as held:
        remove_leftovers()
        server = EmbeddedServer()
        held.callback(server.close, SERVER_STOP_S)
        fetcher = read_settings(
            FetcherSettings, redis_url=server.url, redis_prefix="", redis_password="",
            log_level="WARNING", metrics_port=0, fetch_replay_url=url, record_minutes=minutes,
            record_max_bytes=max_bytes, fetcher_delivery="pubsub",
            fetch_rate_factor=demo_rate_factor(settings) if demo else None,
        )  # fmt: skip
        setup_logs("fetcher", fetcher)
        sources, off = read_sources(fetcher.fetch_rate_factor, fetcher.fetch_replay_url)
        if not sources:
            raise ConfigError("no source is on: there is nothing to record")
        recorder = TrafficRecorder(
            file, sources, bounds_of(fetcher), replayed=fetcher.fetch_replay_url is not None
        )
        held.callback(recorder.end)
        server.start()
        bare = settings.model_copy(update={"redis_url": "", "redis_prefix": ""})
        children = services(bare, Ports(0, 0, replay, None), server.url)
        print(_opening(file, [source.name for source in sources], fetcher), flush=True)
        async with asyncio.TaskGroup() as tasks:
            supervisor = Supervisor(Screen(sorted(_STORE)))
            store = tasks.create_task(supervisor.run(_store_of(children)))
            if replay is not None:
                await _answers(replay, store)
            calls = tasks.create_task(
                run_sources(fetcher, sources, stop, off=off, recorder=recorder)
            )
            await _watch(recorder, stop, store)
            stop.set()
            await calls
            recorder.end()
            supervisor.interrupt()
    print(f"{_progress(recorder)}; ended by {_ENDED.get(recorder.ended, recorder.ended)}")
    return 0 if recorder.ended in _ENDED else 1


def _store_of(children: list[Service]) -> list[Service]:
    """Return those services that the fetcher needs beside it, of which nobody reads the logs."""
    return [
        replace(child, env={**child.env, "LOG_LEVEL": "WARNING", "METRICS_PORT": "0"})
        for child in children
        if child.name in _STORE
    ]


async def _answers(port: int, store: asyncio.Task[int]) -> None:
    """Wait until the replayed market answers, so that a recording does not begin with failures."""
    while not store.done():
        if await is_open("127.0.0.1", port):
            return
        await asyncio.sleep(_LOOK_S)


async def _watch(recorder: TrafficRecorder, stop: asyncio.Event, store: asyncio.Task[int]) -> None:
    """Say how far the recording is, until it ends, we are to stop, or the store cannot run."""
    shown_s = time.monotonic()
    while not (recorder.ended or stop.is_set() or store.done()):
        if time.monotonic() - shown_s >= PROGRESS_S:
            shown_s = time.monotonic()
            print(_progress(recorder), flush=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_S)
        recorder.end_when_due()


def _progress(recorder: TrafficRecorder) -> str:
    return (
        f"{int(recorder.seconds)} s: {recorder.answers} answers ({recorder.failures} failed), "
        f"{recorder.size / 1e6:.1f} MB"
    )


def _opening(file: Path, sources: list[str], fetcher: FetcherSettings) -> str:
    market = "a replayed market" if fetcher.fetch_replay_url else "live"
    return (
        f"recording {', '.join(sources)} ({market}) into {file}, for {fetcher.record_minutes:g} "
        f"minutes or {fetcher.record_max_bytes / 1e6:.0f} MB at most; Ctrl-C ends it"
    )
