"""How a service runs: settings, logs, one event loop, one event that asks for the end."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TypeVar

import uvloop

from shared.errors import CannotListen, ConfigError
from shared.process.logs import get_logger, setup_logs
from shared.process.metrics import Metrics
from shared.process.metrics_server import serve_metrics
from shared.process.settings import ServiceSettings, exit_on_config_error

S = TypeVar("S", bound=ServiceSettings)
log = get_logger(__name__)


def run_service(
    name: str,
    settings: S,
    run: Callable[[S, asyncio.Event, Metrics], Awaitable[None]],
    misspelt: Iterable[tuple[str, str, str]] = (),
) -> int:
    """Run one service until SIGINT or SIGTERM; return the exit code.

    `misspelt` are variables that are no settings: (variable, where it stands, what was meant
    or why none is needed).

    `run(settings, stop, metrics)` returns after `stop` is set and everything is put away. An error
    that it does not handle ends the process with code 1 and a log line; the supervisor starts it
    again.
    """
    setup_logs(name, settings)
    for variable, origin, meant in misspelt:
        log.warning("setting_unknown", variable=variable, origin=origin, meant=meant)
    metrics = Metrics(name)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signum, stop.set)
        watching = asyncio.create_task(metrics.loop.run())
        try:
            await run(settings, stop, metrics)
        finally:
            watching.cancel()

    try:
        with (
            serve_metrics(metrics, settings),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(main())
    except ConfigError as error:  # settings that are read later, such as a source's
        return exit_on_config_error(error)
    except CannotListen as error:
        log.error("cannot_listen", error=str(error))  # noqa: TRY400 - one plain line, no trace
        return 1
    except Exception:
        log.exception("service_failed")
        return 1
    log.info("service_stopped")
    sys.stderr.flush()
    return 0


async def unless_stopped(stop: asyncio.Event, work: Coroutine[object, object, object]) -> bool:
    """Await `work`, or cancel it when `stop` comes first; return whether it was done."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not working.done():
            working.cancel()
        await asyncio.wait((working, stopping))
    if working.cancelled():
        return False
    working.result()
    return True


def raise_open_files_limit() -> None:
    """Allow as many sockets as the system permits this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
