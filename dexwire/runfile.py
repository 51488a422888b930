"""The note that a running `dexwire up` leaves, so that `dexwire verify` finds its server.

The folder is private; the note's lock is held for as long as its writer lives, so a note left
behind by a killed one is distinguished from a live one without trusting process ids.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final, Self

import msgspec

DEFAULT_FOLDER: Final = Path(".dexwire")
_NAME: Final = "up.json"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A `dexwire up` that runs now."""

    pid: int
    redis_url: str
    redis_prefix: str
    api: str
    ws: str
    demo: bool
    history_url: str = ""  # of the file that it keeps itself


class RunFile:
    """The note, locked by us. `claim` makes it; `close` removes it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def claim(cls, folder: Path) -> Self | None:
        """Take the folder for this process, or return None when another one has it."""
        import fcntl  # noqa: PLC0415 - Windows has none, and no `dexwire up`

        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / _NAME
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return cls(path, descriptor)
            except OSError:
                os.close(descriptor)
                return None
            os.close(descriptor)  # its last owner removed it between our two calls

    def write(self, running: Running) -> None:
        """Say what runs."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, msgspec.json.encode(running), 0)

    def close(self) -> None:
        """Remove the note and let go of the folder."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def find_running(folder: Path) -> Running | None:
    """Return what the folder's live note says, or None when there is none or it is a stale one."""
    try:
        import fcntl  # noqa: PLC0415 - see above

        with (folder / _NAME).open("rb") as note:
            try:
                fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:  # locked by its writer: it is alive
                return msgspec.json.decode(note.read(), type=Running)
    except (ImportError, OSError, msgspec.MsgspecError):
        pass
    return None
