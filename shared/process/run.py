"""How a service runs: its settings and logs, its jobs, and how it ends.

A service is a function `run(settings, stop, metrics)`. It opens what it needs (`listen.py` opens
ports), hands its jobs to `run_jobs`, and returns once `stop` is set and everything is put away.
`run_service` is the process around it: signals set `stop`, and whatever goes wrong is one log line
with `error` and `fix`, and exit code 1 (78 for a wrong setting).
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, TypeVar

import uvloop

from shared.errors import CannotListen, ConfigError, JobFailed
from shared.process.logs import get_logger, setup_logs
from shared.process.metrics import Metrics
from shared.process.metrics_server import serve_metrics
from shared.process.settings import ServiceSettings, exit_on_config_error

EX_FAILED: Final = 1  # cannot listen, a job failed, or draining took too long
_FIX: Final = "start it again; if it repeats, report this line"

Job = Coroutine[Any, Any, object]
S = TypeVar("S", bound=ServiceSettings)
log = get_logger(__name__)


# -- the process -----------------------------------------------------------------------------------
def run_service(
    name: str,
    settings: S,
    run: Callable[[S, asyncio.Event, Metrics], Coroutine[Any, Any, None]],
    misspelt: Iterable[tuple[str, str, str]] = (),
) -> int:
    """Run one service until SIGINT or SIGTERM; return the exit code.

    `misspelt` are variables that are no settings: (variable, where it stands, what was meant
    or why none is needed).
    """
    setup_logs(name, settings)
    for variable, origin, meant in misspelt:
        log.warning("setting_unknown", variable=variable, origin=origin, meant=meant)
    metrics = Metrics(name)
    gc.freeze()  # what was imported stays: a full collection of the api looked at it for 65 ms
    try:
        with (
            serve_metrics(metrics, settings),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(_run_until_signal(settings, run, metrics))
    except ConfigError as error:  # settings that are read later, such as a source's
        return exit_on_config_error(error)
    except CannotListen as error:
        log.error("cannot_listen", error=error.reason, fix=error.fix)  # noqa: TRY400 - no trace
        return EX_FAILED
    except Exception as error:
        job, cause = (error.job, error.__cause__) if isinstance(error, JobFailed) else ("", error)
        reason = f"{type(cause).__name__}: {cause}"[:200] if cause else str(error)
        log.exception("service_failed", job=job, error=reason, fix=_FIX)
        return EX_FAILED
    log.info("service_stopped")
    sys.stderr.flush()
    return 0


async def _run_until_signal(
    settings: S,
    run: Callable[[S, asyncio.Event, Metrics], Coroutine[Any, Any, None]],
    metrics: Metrics,
) -> None:
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    watching = asyncio.create_task(metrics.loop.run())
    running = asyncio.create_task(run(settings, stop, metrics))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        done, _ = await asyncio.wait((running,), timeout=settings.drain_s)
        if not done:
            _give_up(settings.drain_s)
        running.result()
    finally:
        watching.cancel()
        stopping.cancel()


def _give_up(drain_s: float) -> None:
    """End the process: what does not end by itself would hold up the end of the loop too."""
    jobs = {task.get_name() for task in asyncio.all_tasks() if not task.done()}
    left = sorted(name for name in jobs if not name.startswith("Task-"))  # those with a name
    log.error(
        "drain_timeout",
        error=f"still at work after {drain_s:g} s: {', '.join(left)}",
        fix=_FIX,
    )
    sys.stderr.flush()
    os._exit(EX_FAILED)


# -- its jobs --------------------------------------------------------------------------------------
async def run_jobs(
    stop: asyncio.Event, jobs: Mapping[str, Job], *, finishing: Mapping[str, Job] | None = None
) -> None:
    """Run jobs side by side, by name, until `stop` is set.

    `jobs` run for ever and are cancelled at the end. `finishing` are those that watch `stop`
    themselves and end by it, as a server that drains: the others serve them until then.

    Raises JobFailed for a job that fails, or ends before `stop`; all others are cancelled then.
    """
    first = [asyncio.create_task(job, name=name) for name, job in (finishing or {}).items()]
    last = [asyncio.create_task(job, name=name) for name, job in jobs.items()]
    tasks, stopping = [*first, *last], asyncio.create_task(stop.wait())
    ended: list[asyncio.Task[object]] = []
    try:
        await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            ended = [task for task in tasks if task.done()]
        elif first:
            await asyncio.wait(first)
    finally:
        for task in (stopping, *tasks):
            task.cancel()
        await asyncio.wait((stopping, *tasks))
    _raise_failed([task for task in tasks if task in ended or _error(task)])


def _raise_failed(tasks: list[asyncio.Task[object]]) -> None:
    errors = [error for error in map(_error, tasks) if error]
    for error in errors:
        if isinstance(error, ConfigError | CannotListen):
            raise error
    if len(errors) > 1:
        errors = [BaseExceptionGroup("several jobs failed", errors)]
    if tasks:
        raise JobFailed(", ".join(task.get_name() for task in tasks)) from next(iter(errors), None)


def _error(task: asyncio.Task[object]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


async def unless_stopped(stop: asyncio.Event, work: Job) -> bool:
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
