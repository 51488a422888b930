"""Records the traffic of the sources into a file, bounded, and without secrets.

A recording never disturbs what it records: a disk that fails or is full ends the recording with a
line in the log, and the calls go on. What is compressed costs the loop some 8 ms for a megabyte.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from services.fetcher.attempts import Attempt
from services.fetcher.source import Call, Source
from shared.errors import ConfigError, SourceError
from shared.process.logs import get_logger
from shared.recording.lines import LineWriter
from shared.recording.traffic import End, RecordedAnswer, TrafficHead, encode

log = get_logger(__name__)

# What a later reader may need to judge an answer. Cookies and ids of requests are none of it.
KEPT_HEADERS: Final = (
    "age", "cache-control", "content-type", "date", "retry-after", "x-ratelimit-current",
    "x-ratelimit-remaining", "x-ratelimit-reset",
)  # fmt: skip
FLUSH_S: Final = 10.0  # so much is lost when the process is killed
_END_ROOM: Final = 256 * 1024  # bytes that the compressor may still hold, and the end
_HEADER_MAX: Final = 4096
_SECRET: Final = re.compile(r"key|secret|passw|signature|auth", re.IGNORECASE)
_SECRET_LEAST: Final = 8  # shorter values are no secret, and would mask ordinary words
_PLAIN_HEADERS: Final = frozenset({"accept", "accept-encoding", "user-agent"})


@dataclass(frozen=True, slots=True)
class RecordingBounds:
    """When a recording ends by itself."""

    seconds: float
    size: int  # bytes of the file


class TrafficRecorder:
    """Writes each attempt as it ends. Not for use by more than one process."""

    def __init__(
        self,
        path: Path,
        sources: Iterable[Source],
        bounds: RecordingBounds,
        *,
        replayed: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin a new file. Raises ConfigError when that cannot be, as when it is there already."""
        known = list(sources)
        self.answers = self.failures = 0
        self.ended = ""  # why
        self._bounds, self._clock = bounds, clock
        self._secrets = _secrets_of(known)
        self._began_ms, self._began_s = int(time.time() * 1000), clock()
        self._flushed_s = self._began_s
        head = TrafficHead(
            version=version("dexwire"),
            began_ms=self._began_ms,
            sources={source.name: _without_user(source.url) for source in known},
            replayed=replayed,
        )
        try:
            self._writer = LineWriter(path)
            self._writer.write(encode(head))
            self._writer.flush()
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None

    @property
    def path(self) -> Path:
        """The file."""
        return self._writer.path

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return self._clock() - self._began_s

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._writer.size

    @contextmanager
    def attempt(self, source: Source, call: Call) -> Iterator[Attempt]:
        """Record what comes of an attempt; one that is cancelled is none."""
        began_s, seen = self._clock(), Attempt()
        try:
            yield seen
        except SourceError as error:
            self._write(source, call, seen, began_s, error=type(error).__name__)
            raise
        self._write(source, call, seen, began_s)

    def _write(
        self, source: Source, call: Call, seen: Attempt, began_s: float, error: str = ""
    ) -> None:
        if self.ended:
            return
        body, raw = self._body(seen.body)
        answer = RecordedAnswer(
            at_ms=self._now_ms(),
            took_ms=int((self._clock() - began_s) * 1000),
            source=source.name,
            path=self._clean(call.path),
            query=tuple((name, self._value(name, value)) for name, value in call.query),
            status=seen.status,
            headers={
                name: self._clean(seen.headers[name])[:_HEADER_MAX]
                for name in KEPT_HEADERS
                if name in seen.headers
            },
            observed_ms=seen.observed_ms,
            body=body,
            raw=raw,
            error=error,
        )
        try:
            self._writer.write(encode(answer))
            self.answers += 1
            self.failures += bool(error)
            if self._clock() - self._flushed_s >= FLUSH_S:
                self._writer.flush()
                self._flushed_s = self._clock()
        except OSError as failed:
            self._fail(failed)
            return
        self.end_when_due()

    def end_when_due(self) -> None:
        """End the recording once it is as large or as long as it may be."""
        if self._writer.size + _END_ROOM >= self._bounds.size:
            self.end("size")
        elif self.seconds >= self._bounds.seconds:
            self.end("time")

    def end(self, why: str = "stopped") -> None:
        """Write the end and close the file; the first reason stays."""
        if self.ended:
            return
        self.ended = why
        try:
            self._writer.write(encode(End(at_ms=self._now_ms(), answers=self.answers, why=why)))
            self._writer.close()
        except OSError as error:
            self._fail(error)
            return
        log.info(
            "recording_ended", why=why, answers=self.answers, bytes=self._writer.size,
            seconds=int(self.seconds),
        )  # fmt: skip

    def _fail(self, error: OSError) -> None:
        self.ended = f"failed: {error.strerror or error}"
        log.warning("recording_failed", file=str(self._writer.path), error=self.ended)
        with suppress(OSError):
            self._writer.close()

    def _now_ms(self) -> int:
        return self._began_ms + int(self.seconds * 1000)

    def _value(self, name: str, value: str) -> str:
        return "***" if _SECRET.search(name) else self._clean(value)

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _body(self, body: bytes) -> tuple[str, bytes]:
        """Return a body as text, or as bytes where it is none; without our own secrets."""
        for secret in self._secrets:
            body = body.replace(secret.encode(), b"***")
        try:
            return body.decode(), b""
        except UnicodeDecodeError:
            return "", body


def _secrets_of(sources: Iterable[Source]) -> tuple[str, ...]:
    """Return the values of the sources' own headers: keys, whatever a source calls them."""
    values = (
        value
        for source in sources
        for name, value in source.headers.items()
        if name.lower() not in _PLAIN_HEADERS
    )
    return tuple({value for value in values if len(value) >= _SECRET_LEAST})


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def free_path(path: Path) -> Path:
    """Return the path, or where it is taken `name-2.ext`, `name-3.ext` …: a restart keeps both."""
    if not path.exists():
        return path
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(name for name in names if not name.exists())
