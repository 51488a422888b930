"""What a history that cannot be used costs the live list: pages and commits beside a healthy one.

Run: `python -m bench.faulted [--tokens N] [--seconds S] [--passes N]`. Two deployments with a
recorder each; the database of one is locked, damaged, read-only, on a full disk, or gone with its
folder. Pages are requested by wrk with 16 connections while a market commits five times a second,
in turns; the best pass of each counts. Ratios are of the healthy one; 1.00 is as good.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.discover import wrk
from bench.figures import note
from bench.readings import PREFIX
from bench.running import ROOT, Services, market, running

PAGE: Final = "/discover?limit=100"
_SETTLE_S: Final = 8.0  # until recorder and api have met the fault
# SQLite's file format: a file whose write version is above 2 is opened to be read only.
_WRITE_VERSION_AT: Final = 18
_NEWER_THAN_ALL: Final = 3


class Live(NamedTuple):
    """What the live list did in one pass."""

    pages: float  # a second
    p99_ms: float
    commits: float  # a second


@contextmanager
def locked(file: Path, _found: Services) -> Iterator[None]:
    """Hold the only place for a writer."""
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.close()


@contextmanager
def damaged(file: Path, _found: Services) -> Iterator[None]:
    """Overwrite most of the file."""
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.write(os.urandom(size // 4096 * 4096))
    yield


@contextmanager
def full(_file: Path, found: Services) -> Iterator[None]:
    """Let no file of the recorder grow any more."""
    limits = (4_096, resource.RLIM_INFINITY)
    resource.prlimit(found.processes["recorder"].pid, resource.RLIMIT_FSIZE, limits)
    yield


@contextmanager
def gone(file: Path, _found: Services) -> Iterator[None]:
    """Remove the folder."""
    shutil.rmtree(file.parent)
    yield


@contextmanager
def read_only(file: Path, found: Services) -> Iterator[None]:
    """Start the recorder again on a file that says that nobody may write it."""
    recorder = found.processes["recorder"]
    recorder.kill()
    recorder.wait()
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as opened:
        opened.seek(_WRITE_VERSION_AT)
        opened.write(bytes([_NEWER_THAN_ALL]))
    start_recorder(found, file)
    yield


FAULTS: Final[dict[str, Callable[[Path, Services], AbstractContextManager[None]]]] = {
    "locked": locked, "damaged": damaged, "read-only": read_only, "full": full, "gone": gone,
}  # fmt: skip


def version(found: Services) -> int:
    """Return the version of the store."""
    return int(found.client.hget(f"{PREFIX}state:meta", "version") or 0)


def one_pass(found: Services, tokens: int, seconds: int) -> Live:
    """Request pages while the market moves."""
    with market(found, tokens):
        before, began = version(found), time.monotonic()
        figures = wrk(found.url("api") + PAGE, seconds)
        commits = (version(found) - before) / (time.monotonic() - began)
    return Live(figures.rate, figures.p99_ms, commits)


def best(passes: list[Live]) -> Live:
    """Return the best figure of each kind."""
    return Live(
        max(p.pages for p in passes), min(p.p99_ms for p in passes), max(p.commits for p in passes)
    )


def compare(fault: str, healthy: Services, faulted: Services, chosen: argparse.Namespace) -> None:
    """Print both deployments' figures and their ratios."""
    seen: dict[str, list[Live]] = {"healthy": [], fault: []}
    for _ in range(chosen.passes):
        for name, found in (("healthy", healthy), (fault, faulted)):
            seen[name].append(one_pass(found, chosen.tokens, chosen.seconds))
    base = best(seen["healthy"])
    for name, passes in seen.items():
        live = best(passes)
        print(f"{name:<10}{live.pages:>10,.0f}{live.pages / base.pages:>8.2f}{live.p99_ms:>9.2f}"
              f"{live.p99_ms / base.p99_ms:>8.2f}{live.commits:>11.2f}"
              f"{live.commits / base.commits:>8.2f}", flush=True)  # fmt: skip
        note(f"{name} pages", live.pages / base.pages)


def start(stack: ExitStack, name: str, file: Path, tokens: int) -> Services:
    """Start a deployment with a recorder; return when it records."""
    found = stack.enter_context(running(name, ROOT, tokens, "api", **_settings(file)))
    start_recorder(found, file)
    found.wait(lambda: file.exists() and _rows(file) > 0, "the recorder writes")
    return found


def start_recorder(found: Services, file: Path) -> None:
    """Start a deployment's recorder."""
    found.start("recorder", {**_settings(file), "LOG_LEVEL": "error"})


def _settings(file: Path) -> dict[str, str]:
    return {"HISTORY_URL": f"sqlite:///{file}", "HISTORY_WRITE_S": "1"}


def _rows(file: Path) -> int:
    try:
        with sqlite3.connect(file) as db:
            return int(db.execute("SELECT count(*) FROM tokens").fetchone()[0])
    except sqlite3.Error:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=2_000)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=3)
    chosen = parser.parse_args()
    print(f"{'':<10}{'pages/s':>10}{'ratio':>8}{'p99 ms':>9}{'ratio':>8}{'commits/s':>11}"
          f"{'ratio':>8}")  # fmt: skip
    for fault, apply in FAULTS.items():
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            files = [Path(folder) / name / "history.sqlite" for name in ("healthy", "faulted")]
            for file in files:
                file.parent.mkdir()
            healthy, faulted = (start(stack, f.parent.name, f, chosen.tokens) for f in files)
            stack.enter_context(apply(files[1], faulted))
            time.sleep(_SETTLE_S)
            compare(fault, healthy, faulted, chosen)


if __name__ == "__main__":
    main()
