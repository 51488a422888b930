"""Child processes that do not outlive their parent.

On Linux the kernel is set to kill the child when its parent dies, even by SIGKILL
(`PR_SET_PDEATHSIG`). The kernel means the parent's *thread*: a child started from a thread that
ends is killed with that thread, so children are started from the main thread only. macOS has no
such thing; there a child survives a parent killed with -9 and must be stopped by hand.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

_PR_SET_PDEATHSIG: Final = 1
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Loaded before any fork: between fork and exec nothing may be imported.
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def start_child(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that a terminal's Ctrl-C does not reach it.

    Raises RuntimeError outside the main thread, OSError when the command cannot be started.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are started from the main thread: they die with their thread")
    with stop_signals_blocked():
        return subprocess.Popen(  # noqa: S603 - commands are ours, never input
            list(command),
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=before_exec(),  # noqa: PLW1509 - started from the main thread only
        )


@contextlib.contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """Hold back the signals that stop us while a child is forked within the block.

    Until it has a session of its own, a terminal's Ctrl-C reaches the child too, and its copy of
    our handler would report it to us a second time. `before_exec` ends this for the child.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def before_exec() -> Callable[[], None]:
    """Return the `preexec_fn` that ties a child to this process, where there is a way."""
    libc, parent = _LIBC, os.getpid()

    def prepare() -> None:
        for signum in _STOP_SIGNALS:
            if signal.getsignal(signum) is not signal.SIG_IGN:  # as nohup leaves SIGHUP
                signal.signal(signum, signal.SIG_IGN)  # what is held back was for us
                signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
        if libc is None:
            return
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return prepare
