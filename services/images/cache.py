"""Pictures that were made before: in memory those used last, the others on disk.

The disk is a convenience: full, read-only or gone, it costs a log line and a fetch, never an
answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Final, TypeVar

from services.images.folder import Folder
from services.images.index import Index, Named
from shared.process.log_lines import is_worth_a_line
from shared.process.logs import get_logger

log = get_logger(__name__)
T = TypeVar("T")

MEMORY_BYTES: Final = 16 * 1024 * 1024


def hash_of(data: bytes) -> str:
    """Return the 128-bit hash under which addresses and pictures are kept."""
    return blake2b(data, digest_size=16).hexdigest()


class ImageCache:
    """Use it from the event loop; `open` it first."""

    def __init__(
        self, folder: Folder | None, max_bytes: int, *, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        """`folder` None: in memory alone."""
        self._folder = folder
        self._index = Index(max_bytes if folder else memory_bytes)
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._memory_bytes, self._memory_max = 0, memory_bytes
        self._writing = asyncio.Lock()
        self.errors = 0
        self.evicted = 0

    @property
    def images(self) -> int:
        """How many pictures are kept."""
        return len(self._index)

    @property
    def size(self) -> int:
        """Bytes of them, in whole blocks of a disk."""
        return self._index.size

    async def open(self) -> None:
        """Take over what is on disk; without it the memory has to do."""
        folder = self._folder
        if folder is None:
            return
        began_s = time.monotonic()
        try:
            await asyncio.to_thread(folder.create)
            stored = await asyncio.to_thread(folder.stored)
        except OSError as error:
            self._failed("open", error)
            return
        for one in stored:
            named = Named(one.content, one.stored_s)
            await self._remove(self._index.put(one.name, named, one.size))
        log.info(
            "images_cache_opened", folder=str(folder.path), images=self.images, bytes=self.size,
            ms=round((time.monotonic() - began_s) * 1000),
        )  # fmt: skip

    async def find(self, name: str) -> tuple[Named, bytes] | None:
        """Return what a name stands for, and the picture."""
        named = self._index.find(name)
        if named is None:
            return None
        body = self._memory.get(named.content)
        if body is not None:
            self._memory.move_to_end(named.content)
            return named, body
        body = await self._on_disk("read", lambda folder: folder.read(named.content))
        if body is None or hash_of(body) != named.content:  # removed by another, or damaged
            await self._remove([(named.content, self._index.drop(named.content))])
            return None
        self._keep(named.content, body)
        return named, body

    async def put(self, name: str, body: bytes) -> Named:
        """Keep a picture under a name."""
        named = Named(hash_of(body), time.time())
        self._keep(named.content, body)
        gone = self._index.put(name, named, len(body))
        async with self._writing:
            await self._on_disk("write", lambda folder: folder.write(name, named.content, body))
        await self._remove(gone)
        return named

    async def _remove(self, gone: Iterable[tuple[str, Iterable[str]]]) -> None:
        for content, names in gone:
            self.evicted += 1
            self._memory_bytes -= len(self._memory.pop(content, b""))

            def remove(folder: Folder, content: str = content, names: Any = names) -> None:  # noqa: ANN401 - an iterable of names
                folder.remove(content, names)

            async with self._writing:
                await self._on_disk("remove", remove)

    def _keep(self, content: str, body: bytes) -> None:
        if content not in self._memory:
            self._memory[content] = body
            self._memory_bytes += len(body)
        self._memory.move_to_end(content)
        while self._memory_bytes > self._memory_max and len(self._memory) > 1:
            self._memory_bytes -= len(self._memory.popitem(last=False)[1])

    async def _on_disk(self, what: str, do: Callable[[Folder], T]) -> T | None:
        """Do it in a thread; None when there is no disk, or it will not."""
        if self._folder is None:
            return None
        try:
            return await asyncio.to_thread(do, self._folder)
        except FileNotFoundError as error:
            if what != "read":  # read: another service has removed it
                self._failed(what, error)
        except OSError as error:
            self._failed(what, error)
        return None

    def _failed(self, what: str, error: OSError) -> None:
        self.errors += 1
        if is_worth_a_line(self.errors):
            log.warning(
                "images_cache_failed", action=what, error=str(error)[:200], errors=self.errors,
                fix="give IMAGES_DIR a folder that can be written and has room",
            )  # fmt: skip
