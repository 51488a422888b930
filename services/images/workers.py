"""The processes that decode, each one picture at a time (decoder.py says what they may do)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final

from services.images.errors import NOT_DECODED, TOO_COSTLY, WORKER, NoImage

ANSWER_S: Final = 10.0  # the child's own bound is on its processor time
# As in decoder.py, which is not imported here: it loads Pillow, and this process decodes nothing.
_HEAD: Final = struct.Struct("!cI")
_SMALL, _DRAWN, _DONE, _COSTLY = b"S", b"D", b"+", b"!"
# -I: nothing of the environment or of the folder it runs in. -B: nothing is written.
_COMMAND: Final = (sys.executable, "-I", "-B", "-m", "services.images.decoder")


class Workers:
    """So many processes, started when they are needed. Close them at the end."""

    def __init__(self, count: int, *, answer_s: float = ANSWER_S) -> None:
        self._free = asyncio.Semaphore(count)
        self._answer_s = answer_s
        self._idle: list[Process] = []
        self._all: set[Process] = set()
        self.ended = 0  # processes that had to be ended

    async def small(self, file: bytes) -> bytes:
        """Return the small picture of an image file. Raises NoImage."""
        return await self._ask(_SMALL, file)

    async def drawn(self, token_id: str) -> bytes:
        """Return the picture that is drawn for a token. Raises NoImage."""
        return await self._ask(_DRAWN, token_id.encode())

    async def close(self) -> None:
        """End all of them, busy or not."""
        for process in tuple(self._all):
            self._end(process)
        for process in tuple(self._all):
            await self._reap(process)

    async def _ask(self, job: bytes, data: bytes) -> bytes:
        async with self._free:
            try:
                async with asyncio.timeout(self._answer_s):
                    verdict, answer = await self._exchange(job, data)
            except TimeoutError:
                raise NoImage(TOO_COSTLY, f"not decoded within {self._answer_s:g} s") from None
            except (OSError, EOFError) as error:
                raise NoImage(WORKER, f"{type(error).__name__}: {error}"[:200]) from None
        if verdict == _DONE:
            return answer
        detail = answer.decode("utf-8", "replace")
        raise NoImage(TOO_COSTLY if verdict == _COSTLY else NOT_DECODED, detail)

    async def _exchange(self, job: bytes, data: bytes) -> tuple[bytes, bytes]:
        """Hand a job to a process; one that did not answer it in full is ended."""
        process = self._idle.pop() if self._idle else await self._start()
        answered = False
        try:
            assert process.stdin is not None  # noqa: S101 - both are pipes
            assert process.stdout is not None  # noqa: S101
            process.stdin.write(_HEAD.pack(job, len(data)) + data)
            await process.stdin.drain()
            verdict, size = _HEAD.unpack(await process.stdout.readexactly(_HEAD.size))
            answer = await process.stdout.readexactly(size)
            answered = True
            return verdict, answer
        finally:
            if answered:
                self._idle.append(process)
            else:
                self.ended += 1
                self._end(process)

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, start_new_session=True
        )
        self._all.add(process)
        for gone in [one for one in self._all if one.returncode is not None]:
            await self._reap(gone)
        return process

    def _end(self, process: Process) -> None:
        """End a process and its children: it leads a group of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    async def _reap(self, process: Process) -> None:
        """Forget a process that was ended."""
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        self._all.discard(process)
