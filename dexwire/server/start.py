"""Reads the settings of a command and runs it: `up`, `verify`, one service."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shared.errors import ConfigError
from shared.process.metrics import Metrics
from shared.process.run import run_service
from shared.process.settings import ServiceSettings, read_settings

if TYPE_CHECKING:
    import datetime as dt

    from dexwire.server.export_files import FileFormat
    from shared.history.candle import Tier

_NEEDS_NO_REDIS: Final = {"replay"}
STARTED_BY: Final = "STARTED_BY"  # who started this process: `make demo`, `make run`, `dexwire up`
UP: Final = "dexwire up"


def start_up(*, verbose: bool, **flags: object) -> int:
    """Run everything; flags that are None were not given. Raises PipelineError."""
    from dexwire.server.settings import UpSettings  # noqa: PLC0415 - a single service needs none
    from dexwire.server.up.command import up  # noqa: PLC0415

    settings = read_settings(UpSettings, **flags)
    name_look_alikes()
    return asyncio.run(up(settings, verbose=verbose))


def start_record(
    file: Path, minutes: float | None, max_bytes: int | None, tokens: int | None, *, demo: bool
) -> int:
    """Record the sources' traffic. Raises PipelineError."""
    from dexwire.server.record import record  # noqa: PLC0415 - see above

    name_look_alikes()
    return asyncio.run(record(file, minutes, max_bytes, tokens, demo=demo))


def start_verify(
    redis_url: str | None, redis_prefix: str | None, data_dir: Path | None, *, as_json: bool
) -> int:
    """Audit the store. Raises PipelineError."""
    from dexwire.server.verify import verify  # noqa: PLC0415 - see above

    settings = read_settings(ServiceSettings, redis_url=redis_url, redis_prefix=redis_prefix)
    return asyncio.run(verify(settings, data_dir, as_json=as_json))


def start_backup(redis_url: str | None, data_dir: Path | None, out: Path | None) -> int:
    """Back the store up. Raises PipelineError."""
    from dexwire.server.backup import backup  # noqa: PLC0415 - see above

    return asyncio.run(backup(read_settings(ServiceSettings, redis_url=redis_url), data_dir, out))


def start_export(
    url: str | None,
    tier: Tier,
    file_format: FileFormat,
    out: Path,
    *,
    first: dt.date | None,
    end: dt.date | None,
) -> int:
    """Export what was recorded. Raises PipelineError."""
    from dexwire.server.export import export  # noqa: PLC0415 - see above
    from dexwire.server.history import find_history  # noqa: PLC0415

    return asyncio.run(export(find_history(url), tier, file_format, out, first=first, end=end))


def run_one(name: str) -> int:
    """Run one service with the settings of its environment; return the exit code.

    Its module is imported here and not before: each process loads what it needs.
    """
    settings_class: type[ServiceSettings] = getattr(
        importlib.import_module(f"services.{name}.settings"), f"{name.capitalize()}Settings"
    )
    settings = read_settings(settings_class)
    if not settings.redis_url and name not in _NEEDS_NO_REDIS:
        raise ConfigError(
            "REDIS_URL: not set; a single service needs a server it shares with the others, as in "
            "REDIS_URL=redis://127.0.0.1:6379/0 (`dexwire up` starts one by itself)"
        )
    run: Callable[[Any, asyncio.Event, Metrics], Coroutine[Any, Any, None]] = (
        importlib.import_module(f"services.{name}.app").run
    )
    unknown = [] if os.environ.get(STARTED_BY) == UP else _look_alikes()  # `up` has named them
    named = [(u.variable, u.origin, u.meant or u.note) for u in unknown if u.meant or u.note]
    return run_service(name, settings, run, named)


def name_look_alikes() -> None:
    """Name variables that were meant to be settings, by their look."""
    unknown = _look_alikes()
    if unknown:
        for line in importlib.import_module("dexwire.server.look_alikes").lines_of(unknown):
            print(line, file=sys.stderr)


def _look_alikes() -> list[Any]:
    """Return them; none where `.env` or a source's file cannot be read, reported elsewhere."""
    with contextlib.suppress(OSError, UnicodeDecodeError, ConfigError, ImportError):
        found: list[Any] = importlib.import_module("dexwire.server.look_alikes").unknown_variables()
        return found
    return []
