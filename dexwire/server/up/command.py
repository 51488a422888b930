"""`dexwire up`: everything on this machine, from one command.

Checks first (ports, Redis), then the embedded server when no Redis was given, then the services,
then a watch that reports when the first tokens can be seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Final

from dexwire.runfile import DEFAULT_FOLDER, RunFile, Running
from dexwire.server.settings import UpSettings
from dexwire.server.start import STARTED_BY, UP
from dexwire.server.up.embedded import EmbeddedServer
from dexwire.server.up.leftovers import HISTORY_FILE, remove_leftovers, temporary_folder
from dexwire.server.up.net import check_redis, origin, reachable
from dexwire.server.up.ports import Ports, choose_ports, metrics_ports
from dexwire.server.up.ready import banner, report_when_ready
from dexwire.server.up.replayed import check_recording, play_settings
from dexwire.server.up.screen import Screen
from dexwire.server.up.summary import write_summaries
from dexwire.server.up.supervisor import Service, Supervisor, next_delay_s
from dexwire.stream.messages import PATH
from shared.errors import ConfigError, StoreError
from shared.recording.traffic import Summary

NAMES: Final = ("replay", "aggregator", "fetcher", "api", "ws", "images", "recorder")
SERVER_STOP_S: Final = 1.5  # what is left of the 15 s when every service had to be killed
_RESTARTS_CHECKED_S: Final = 0.2
# Every token is polled again within a few seconds, up to what two cores can merge.
_DEMO_RATE: Final = (10, 33)
_DEMO_TOKENS_PER_RATE: Final = 600
_DEMO_PAST_HOURS: Final = 24


def services(
    settings: UpSettings,
    ports: Ports,
    redis_url: str,
    recording: Summary | None = None,
    *,
    folder: Path | None = None,
) -> list[Service]:
    """Return every service with the variables that differ from its own defaults.

    `folder` is where the history is kept that was not given a database.
    """
    common = _common(settings, redis_url, recording)
    own: dict[str, dict[str, str]] = {
        "aggregator": {},
        "fetcher": {},
        "api": {"API_HOST": settings.api_host, "API_PORT": str(ports.api)},
        "ws": {"WS_HOST": settings.ws_host, "WS_PORT": str(ports.ws)},
    }
    if settings.ws_public_url is None:  # the page finds the stream on the host it came from
        own["api"]["WS_PUBLIC_URL"] = f":{ports.ws}{PATH}"
    if ports.images is not None:
        own["images"] = {"IMAGES_HOST": settings.images_host, "IMAGES_PORT": str(ports.images)}
        if settings.images_public_url is None:
            own["api"]["IMAGES_PUBLIC_URL"] = f":{ports.images}/images"
    if (history := _history(settings, folder)) is not None:
        own["recorder"] = history | _state_log(settings)
        own["api"] |= history
    if settings.ws_origins is None:  # the page that the api serves may open a stream
        hosts = dict.fromkeys((reachable(settings.api_host), "127.0.0.1", "localhost"))
        own["ws"]["WS_ORIGINS"] = ",".join(origin("http", host, ports.api) for host in hosts)
    if ports.replay is not None:
        own["fetcher"], own["replay"] = _demo_market(
            settings, ports.replay, recorded="recorder" in own
        )
    if recording:
        played = play_settings(settings, recording)
        own = {name: env | played.get(name, {}) for name, env in own.items()}
    elif settings.fetcher_delivery == "ingest":
        _let_fetcher_post(settings, ports, fetcher=own["fetcher"], api=own["api"])
    for name, port in metrics_ports(settings).items():
        own[name]["METRICS_PORT"] = str(port)
    # -P: a folder called `shared` where the user happens to stand is not ours to import.
    python = (sys.executable, "-P", "-m", "dexwire")
    return [
        Service(
            name,
            (*python, name),
            common | own[name],
            outlasts=name == "replay",
            starts_last=name == "recorder" and not recording,  # of a recording it records all
        )
        for name in NAMES
        if name in own
    ]


def _common(settings: UpSettings, redis_url: str, recording: Summary | None) -> dict[str, str]:
    """Return the variables of all services."""
    common = {"REDIS_URL": redis_url, "REDIS_PREFIX": settings.prefix, STARTED_BY: UP}
    if settings.redis_password.get_secret_value() and not settings.redis_url:
        # It is another server's: the embedded one has none; only its socket leads to it.
        common |= {"REDIS_PASSWORD": "", "REDIS_PASSWORD_FILE": ""}
    if settings.demo or recording:
        common["DEMO"] = "true"
    if settings.log_json is None:
        common["LOG_JSON"] = "true"  # a terminal's screen shows them in its own way
    return common


def _state_log(settings: UpSettings) -> dict[str, str]:
    """Return where the log of the state is kept that was given no folder."""
    if os.environ.get("RECORD_STATE_DIR"):
        return {}
    kept = settings.data_dir or DEFAULT_FOLDER
    return {"RECORD_STATE_DIR": str((kept / "state-log").absolute())}


def _demo_market(
    settings: UpSettings, port: int, *, recorded: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the fetcher and the replayed market need of each other."""
    fetcher = {
        "FETCH_REPLAY_URL": f"http://127.0.0.1:{port}",
        "FETCH_RATE_FACTOR": str(demo_rate_factor(settings)),
    }
    replay = {"REPLAY_HOST": "127.0.0.1", "REPLAY_PORT": str(port)}
    if settings.replay_tokens is not None:
        replay["REPLAY_TOKENS"] = str(settings.replay_tokens)
    if recorded:  # charts are full at once
        replay["REPLAY_PAST_HOURS"] = str(_DEMO_PAST_HOURS)
    return fetcher, replay


def _history(settings: UpSettings, folder: Path | None) -> dict[str, str] | None:
    """Return what the recorder and the api need of the history; None: there is none."""
    if settings.history == "off":
        return None
    if settings.history_url.get_secret_value():
        return {}  # they read it themselves
    if folder is None:
        return None
    return {"HISTORY_URL": f"sqlite:///{folder.absolute() / HISTORY_FILE}", "HISTORY_URL_FILE": ""}


def _let_fetcher_post(
    settings: UpSettings, ports: Ports, *, fetcher: dict[str, str], api: dict[str, str]
) -> None:
    """Add what a fetcher that posts needs: the api's address, and a key that the api knows."""
    if settings.fetcher_api_url is None:
        fetcher["FETCHER_API_URL"] = origin("http", settings.api_host, ports.api)
    if settings.fetcher_api_key.get_secret_value():
        return
    key = f"fetcher:polled.{secrets.token_urlsafe(32)}"
    fetcher["FETCHER_API_KEY"] = key
    known = settings.ingest_api_keys.get_secret_value()
    api["INGEST_API_KEYS"] = f"{known},{key}" if known else key
    api["INGEST_API_KEYS_FILE"] = ""  # what it holds is in there


def demo_rate_factor(settings: UpSettings) -> float:
    """Return how much faster than the live sources allow the replayed market is polled."""
    if settings.fetch_rate_factor is not None:
        return settings.fetch_rate_factor
    least, most = _DEMO_RATE
    return float(min(most, max(least, (settings.replay_tokens or 0) / _DEMO_TOKENS_PER_RATE)))


async def up(settings: UpSettings, *, verbose: bool = False) -> int:
    """Run everything until SIGINT, SIGTERM or SIGHUP; return the exit code.

    `verbose`: a terminal shows every log line.

    Raises ConfigError, CannotListen or StoreError when it cannot; no service was started then.
    """
    screen = _screen(settings, verbose=verbose)
    supervisor = Supervisor(screen)

    def interrupt() -> None:
        screen.interrupted()
        supervisor.interrupt()

    with on_signals(interrupt), contextlib.ExitStack() as held:
        held.callback(screen.end_steps)
        recording = await check_recording(settings)
        ports = choose_ports(settings)
        run_file = _claim_folder(settings, held)
        server = await _redis(settings, held)
        _introduce(settings, screen, server, recording)
        url = settings.redis_url if server is None else server.url
        folder = settings.data_dir or held.enter_context(temporary_folder())
        if run_file is not None:
            run_file.write(_running(settings, ports, url, _history(settings, folder) or {}))
        children = services(settings, ports, url, recording, folder=folder)
        screen.begin("services", ", ".join(child.name for child in children))
        async with _alongside(
            _keep_server(server, screen),
            report_when_ready(settings, ports, screen, recording, ready=supervisor.ready),
            write_summaries(settings, ports, screen),
            screen.animate(),
        ):
            code = await supervisor.run(children)
        held.close()  # the server last: the aggregator has flushed its window into it
        screen.say("stopped")
        return code


def _screen(settings: UpSettings, *, verbose: bool) -> Screen:
    """Return where we write: for a person at a terminal, unless another form of logs was chosen."""
    names = [*NAMES, "redis"]
    if not sys.stdout.isatty() or settings.log_json is not None:
        return Screen(names)
    from dexwire.server.up.terminal_screen import TerminalScreen  # noqa: PLC0415 - rich takes its time

    chosen = "log_level" in settings.model_fields_set and settings.log_level in {"DEBUG", "INFO"}
    return TerminalScreen(names, verbose=verbose or chosen)


def _claim_folder(settings: UpSettings, held: contextlib.ExitStack) -> RunFile | None:
    """Lock the data folder. A named one must be ours alone: two servers would ruin its files."""
    folder = settings.data_dir or DEFAULT_FOLDER
    try:
        run_file = RunFile.claim(folder)
    except OSError as error:
        if settings.data_dir is None:
            return None  # a read-only place to stand in; only `dexwire verify` will miss it
        raise ConfigError(f"--data-dir {folder}: {error.strerror}") from None
    if run_file is not None:
        held.callback(run_file.close)
    elif settings.data_dir is not None:
        raise StoreError(f"--data-dir {folder} is in use by another dexwire")
    return run_file


async def _redis(settings: UpSettings, held: contextlib.ExitStack) -> EmbeddedServer | None:
    """Check the given server, or start the embedded one; a given one is never replaced."""
    if settings.redis_url:
        await check_redis(settings.redis)
        return None
    remove_leftovers()
    server = EmbeddedServer(data_dir=settings.data_dir)
    held.callback(server.close, SERVER_STOP_S)
    server.start()
    return server


@contextlib.contextmanager
def on_signals(handler: Callable[[], None]) -> Iterator[None]:
    """Call a handler at SIGINT, SIGTERM and SIGHUP, within the block."""
    loop = asyncio.get_running_loop()
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which is what nohup asks for
        signals.append(signal.SIGHUP)  # the terminal was closed
    for signum in signals:
        loop.add_signal_handler(signum, handler)
    try:
        yield
    finally:
        for signum in signals:
            loop.remove_signal_handler(signum)


@contextlib.asynccontextmanager
async def _alongside(*coroutines: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run these beside the body and cancel them after it; their failure is the body's."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in coroutines]
        yield
        for task in tasks:
            task.cancel()


def _introduce(
    settings: UpSettings,
    screen: Screen,
    server: EmbeddedServer | None,
    recording: Summary | None,
) -> None:
    shown = banner(settings, recording)
    if shown and not screen.live:
        screen.shout(shown)
    if server is not None:
        kept = f"kept in {settings.data_dir}" if settings.data_dir else "in memory only"
        screen.done("embedded server", f"{server.binary.rpartition('/')[2]}, {kept}")
    else:
        screen.done("Redis", f"{settings.redis}, key prefix {settings.prefix!r}")


def _running(
    settings: UpSettings, ports: Ports, redis_url: str, history: dict[str, str]
) -> Running:
    return Running(
        pid=os.getpid(),
        redis_url=redis_url,
        redis_prefix=settings.prefix,
        api=origin("http", settings.api_host, ports.api),
        ws=origin("ws", settings.ws_host, ports.ws),
        demo=settings.demo or settings.replay_file is not None,
        history_url=history.get("HISTORY_URL", ""),
    )


async def _keep_server(server: EmbeddedServer | None, screen: Screen) -> None:
    """Start the embedded server again when it dies; services wait for it by themselves."""
    delay_s, started = 0.0, time.monotonic()
    while server is not None:
        await asyncio.sleep(_RESTARTS_CHECKED_S)
        code = server.poll()
        if code is None:
            continue
        delay_s = next_delay_s(delay_s, time.monotonic() - started)
        for line in server.log_tail().splitlines():
            screen.line("redis", line)
        screen.alert(f"the embedded server ended ({code}); starting it again in {delay_s:g} s")
        await asyncio.sleep(delay_s)
        started = time.monotonic()
        with contextlib.suppress(StoreError):  # poll() keeps the old exit code: tried again
            server.spawn()
