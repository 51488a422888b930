"""The private folders of embedded servers, and what killed ones leave of them.

A folder is held by a lock for as long as its owner lives, so one that nobody holds is a leftover,
whatever process ids say. A server that still answers is never touched: it may be of a dexwire that
takes no lock, or, on macOS, have outlived its parent.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PREFIX: Final = "dexwire-"
SOCKET_NAME: Final = "redis.sock"
HISTORY_FILE: Final = "history.sqlite"
_HISTORY: Final = {HISTORY_FILE, f"{HISTORY_FILE}-wal", f"{HISTORY_FILE}-shm"}
_CONTENT: Final = {SOCKET_NAME, "redis.log", "dump.rdb", *_HISTORY}
_YOUNG_S: Final = 10.0  # made, and not yet locked


def hold(folder: Path) -> int:
    """Lock a folder for as long as this process lives, or until the descriptor is closed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder for what is kept no longer than this run."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    descriptor = hold(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def find_leftovers(parent: Path | None = None) -> list[Path]:
    """Return the folders of ours that no process holds."""
    return [path for path in _ours(parent) if _is_leftover(path)]


def remove_leftovers(parent: Path | None = None) -> list[Path]:
    """Remove them; return those that are gone."""
    gone = []
    for path in find_leftovers(parent):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            gone.append(path)
    return gone


def _ours(parent: Path | None) -> list[Path]:
    found = []
    for path in sorted((parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):  # gone meanwhile
            is_ = path.lstat()
            # mkdtemp makes them 0700, ours alone: whatever looks different was made by another.
            ours = is_.st_mode == stat.S_IFDIR | 0o700 and is_.st_uid == os.geteuid()
            if ours and time.time() - is_.st_ctime > _YOUNG_S:
                found.append(path)
    return found


def _is_leftover(folder: Path) -> bool:
    if {path.name for path in folder.iterdir()} - _CONTENT:
        return False  # somebody else's, by its content
    try:
        descriptor = hold(folder)
    except OSError:
        return False
    try:
        return not _answers(folder / SOCKET_NAME)
    finally:
        os.close(descriptor)


def _answers(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.5)
        probe.connect(str(path))
        return True
    return False
