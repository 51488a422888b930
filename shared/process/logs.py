"""Structured logs: one line per fact, a stable event name, then values (docs/LOGS.md)."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from shared.process.log_lines import Throttle, printable, printable_lines
from shared.process.settings import ServiceSettings

Event = MutableMapping[str, Any]
# What libraries log; their own words change with their versions.
LIBRARY_EVENT: Final = "library_log"


def setup_logs(service: str, settings: ServiceSettings) -> None:
    """Send structlog's and the standard library's logs to standard error, in one format."""
    as_json = settings.log_json if settings.log_json is not None else not sys.stderr.isatty()
    render: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    for_person = not as_json and sys.stderr.isatty()
    stamp = structlog.processors.TimeStamper(
        fmt="%H:%M:%S" if for_person else "iso", utc=not for_person
    )
    begin: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    end: list[Any] = [structlog.processors.format_exc_info, _only_printable, render]
    if for_person:
        end.insert(0, _without_module)
    throttle = Throttle(time.monotonic)
    structlog.configure(
        processors=[*begin, _Throttled(throttle), stamp, *end],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(lambda record: throttle.admit((record.name, record.msg)) is not None)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*begin, _of_library, stamp],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(module=name)
    return logger


class _Throttled:
    """Leaves out what repeats faster than anybody reads; debugging wants every line."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def __call__(self, _logger: object, method: str, event: Event) -> Event:
        if method == "debug":
            return event
        left_out = self._throttle.admit((method, event["event"]))
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            event["left_out"] = left_out
        return event


def _of_library(_logger: object, _method: str, event: Event) -> Event:
    event["message"], event["logger"] = event["event"], event["_record"].name
    event["event"] = LIBRARY_EVENT
    return event


def _without_module(_logger: object, _method: str, event: Event) -> Event:
    event.pop("module", None)
    return event


def _only_printable(_logger: object, _method: str, event: Event) -> Event:
    for name, value in event.items():
        event[name] = printable_lines(value) if name == "exception" else printable(value)
    return event
