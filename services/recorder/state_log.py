"""Writes the log of the state: RECORD_STATE=on. It listens to the feed as the recorder does.

A file that cannot be written, or is as large as it may be, ends the log until the next day; nothing
else waits for it. What is compressed costs the loop some 0.5 ms a commit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain, count
from pathlib import Path
from typing import Final

from shared.process.logs import get_logger
from shared.recording.lines import LineWriter
from shared.recording.state_log import SUFFIX, StateLogHead, encode, snapshot_lines
from shared.state.messages import Heartbeat
from shared.state.messages import encode as encode_message
from shared.state.replica import Change, Replica

log = get_logger(__name__)

FLUSH_S: Final = 10.0
_PREFIX: Final = "state-"


class StateLog:
    """One log in one folder: a file a day, those of old days removed. Day and age are the market's.

    `max_bytes` is of the whole folder: the oldest files go first, and one day may take half of it.
    """

    def __init__(self, folder: Path, *, max_bytes: int, keep_days: int) -> None:
        self.replica = Replica()
        self._folder, self._max_bytes, self._keep_days = folder, max_bytes, keep_days
        self._writer: LineWriter | None = None
        self._day = self._ended_day = ""  # of the file; on which the log ended early
        self._gap = True  # versions were not seen
        self._flushed_s = 0.0

    def follow(self, replica: Replica) -> None:
        """Listen to the feed of this copy from now on."""
        self.replica, self._gap = replica, True

    def on_commit(self, change: Change) -> None:
        """Write a commit; of a new day, or after versions that were not seen, the state instead."""
        if self.replica.seeding:
            self._gap = True  # not everything is there yet
            return
        day = _day_of(change.commit.ts)
        if day == self._ended_day:
            return
        if self._writer is None or day != self._day:
            self._begin(day)
        elif self._gap:
            self._write(snapshot_lines(self.replica))
        else:
            self._write(iter((encode_message(change.commit),)))
        self._gap = False

    def on_reset(self) -> None:
        """Note that the state was loaded: the next commit shows it whole."""
        self._gap = True

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Do nothing: no version is made."""

    def _begin(self, day: str) -> None:
        """Begin a file with a snapshot of the state as it is now."""
        self.close()
        self._day, self._flushed_s = day, time.monotonic()
        head = encode(StateLogHead(version=version("dexwire"), began_ms=int(time.time() * 1000)))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._remove_old()
            self._writer = LineWriter(_free(self._folder, self._day))
        except OSError as error:
            self._fail(error)
            return
        log.info("state_log_begun", file=str(self._writer.path), version=self.replica.version)
        self._write(chain((head,), snapshot_lines(self.replica)))

    def _write(self, lines: Iterator[bytes]) -> None:
        if self._writer is None:
            return
        try:
            for line in lines:
                self._writer.write(line)
            if time.monotonic() - self._flushed_s >= FLUSH_S:
                self._writer.flush()
                self._flushed_s = time.monotonic()
        except OSError as error:
            self._fail(error)
            return
        if self._writer.size > self._max_bytes // 2:
            log.warning("state_log_full", file=str(self._writer.path), bytes=self._writer.size)
            self._ended_day = self._day
            self.close()

    def _remove_old(self) -> None:
        """Remove the files of old days, and the oldest ones until what is left fits."""
        files = sorted(self._folder.glob(f"{_PREFIX}*{SUFFIX}"))
        first = _day_of(self.replica.committed_ms - (self._keep_days - 1) * 86_400_000)
        old = [file for file in files if file.name[len(_PREFIX) :][:10] < first]
        kept = [file for file in files if file not in old]
        while kept and sum(file.stat().st_size for file in kept) > self._max_bytes // 2:
            old.append(kept.pop(0))
        for file in old:
            file.unlink(missing_ok=True)

    def _fail(self, error: OSError) -> None:
        log.warning(
            "state_log_failed", folder=str(self._folder), error=error.strerror or str(error)
        )
        self._ended_day = self._day
        self.close()

    def close(self) -> None:
        """End the file; what comes after it begins another."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()
        self._writer = None


def _day_of(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


def _free(folder: Path, day: str) -> Path:
    """Return a name for a new file of a day: a restart begins another one."""
    names = (f"{_PREFIX}{day}-{number}{SUFFIX}" for number in count(1))
    return next(path for path in map(folder.joinpath, names) if not path.exists())
