"""Which address stands for which picture, and which pictures go when there are too many. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

BLOCK: Final = 4_096  # bytes: what a file takes at least


@dataclass(frozen=True, slots=True)
class Named:
    """What an address stands for: the hash of a picture, and when (s) it was put there."""

    content: str
    stored_s: float


@dataclass(slots=True)
class _Content:
    size: int  # on disk
    names: set[str] = field(default_factory=set)


class Index:
    """Names (hashes of addresses) and contents (hashes of pictures), the oldest used first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._names: dict[str, Named] = {}
        self._contents: OrderedDict[str, _Content] = OrderedDict()
        self.size = 0  # bytes of all contents, in whole blocks

    def __len__(self) -> int:
        return len(self._contents)

    def find(self, name: str) -> Named | None:
        """Return what a name stands for; it counts as used."""
        found = self._names.get(name)
        if found is not None:
            self._contents.move_to_end(found.content)
        return found

    def put(self, name: str, named: Named, size: int) -> list[tuple[str, Iterable[str]]]:
        """Let a name stand for a content of so many bytes.

        Returns the contents that go for it, each with the names that stood for it.
        """
        gone: list[tuple[str, Iterable[str]]] = []
        before = self._names.get(name)
        if before is not None and before.content != named.content:
            self._contents[before.content].names.discard(name)
            if not self._contents[before.content].names:
                gone.append((before.content, self.drop(before.content)))
        self._names[name] = named
        if named.content not in self._contents:
            self._contents[named.content] = _Content(-(-size // BLOCK) * BLOCK)
            self.size += self._contents[named.content].size
        self._contents[named.content].names.add(name)
        self._contents.move_to_end(named.content)
        while self.size > self._max_bytes and len(self._contents) > 1:
            oldest = next(iter(self._contents))
            gone.append((oldest, self.drop(oldest)))
        return gone

    def drop(self, content: str) -> Iterable[str]:
        """Forget a content; return the names that stood for it."""
        found = self._contents.pop(content, None)
        if found is None:
            return ()
        self.size -= found.size
        for name in found.names:
            del self._names[name]
        return found.names
