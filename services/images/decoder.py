"""The process that decodes: `python -m services.images.decoder`, driven through its pipes.

Each picture is made in a child of its own, forked from here, which may use little memory and little
of a processor, open nothing more, and keep nothing: a file that breaks the decoder breaks that
child. Here nothing is decoded; and nothing that could be stolen is here: no secret, no connection,
an empty environment.

A request is a job (1 byte), a length (4 bytes) and data; the answer a verdict (1 byte), a length
and data. It ends when its input does.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from services.images.made import drawn
from services.images.render import TooManyPixels, small

HEAD: Final = struct.Struct("!cI")
SMALL: Final = b"S"  # data: a file; answer: its picture
DRAWN: Final = b"D"  # data: a token id; answer: its picture
DONE: Final = b"+"  # data: WebP
REFUSED: Final = b"-"  # the file is damaged, or none of ours; data: why
COSTLY: Final = b"!"  # it takes more than a picture may; data: why
MEMORY_MAX: Final = 512 * 1024 * 1024  # bytes of addresses, the interpreter's included
CPU_S: Final = 3
_DATA_MAX: Final = 64 * 1024 * 1024
_ANSWER_MAX: Final = 1024 * 1024
_FILES_MAX: Final = 16

_JOBS: Final[dict[bytes, Callable[[bytes], bytes]]] = {
    SMALL: small,
    DRAWN: lambda data: drawn(data.decode()),
}


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while head := _read(0, HEAD.size):
        job, size = HEAD.unpack(head)
        if job not in _JOBS or size > _DATA_MAX:
            return
        verdict, answer = in_child(partial(work, job, _read(0, size)))
        _write(1, HEAD.pack(verdict, len(answer)) + answer)


def work(job: bytes, data: bytes) -> bytes:
    """Return a verdict and its data, as one."""
    try:
        return DONE + _JOBS[job](data)
    except (MemoryError, TooManyPixels) as error:
        return COSTLY + f"{type(error).__name__}: {error}"[:200].encode()
    except Exception as error:  # noqa: BLE001 - a damaged file can raise anything
        return REFUSED + f"{type(error).__name__}: {error}"[:200].encode("utf-8", "replace")


def in_child(make: Callable[[], bytes]) -> tuple[bytes, bytes]:
    """Return what `make` returns in a bounded child, or what became of the child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for inherited in (0, 1, reading):
                os.close(inherited)
            _bound()
            _write(writing, make())
        finally:
            os._exit(0)
    os.close(writing)
    answer = _read(reading, _ANSWER_MAX)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) or not answer:
        number = os.WTERMSIG(status)
        return COSTLY, f"ended by signal {number}".encode()
    return answer[:1], answer[1:]


def _bound() -> None:
    """Take everything from this process that making a picture does not need."""
    bounds = {
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _FILES_MAX,
        resource.RLIMIT_NPROC: 0,
    }
    if sys.platform == "linux":  # macOS knows the name and takes no value
        bounds[resource.RLIMIT_AS] = MEMORY_MAX
    for name, most in bounds.items():
        resource.setrlimit(name, (most, most))


def _read(source: int, size: int) -> bytes:
    """Return so many bytes, fewer at the end of the input."""
    found = bytearray()
    while len(found) < size and (piece := os.read(source, min(size - len(found), 1 << 20))):
        found += piece
    return bytes(found)


def _write(to: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(to, view) :]


if __name__ == "__main__":
    main()
