"""The pictures on disk: files named by the hash of their content, links by that of an address.

    contents/ab/ab….webp                              the picture
    names/cd/cd…  ->  ../../contents/ab/ab….webp      the address that it came from

A file or link is written under another name and renamed, so what is there is whole. Several
services may share a folder: what one has removed, another does not find and fetches again.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"[0-9a-f]{32}")
_ENDING: Final = ".webp"
_UNFINISHED: Final = ".tmp"


class Stored(NamedTuple):
    """A link and the picture that it leads to."""

    name: str
    content: str
    size: int
    stored_s: float  # when the link was made
    used_s: float  # when the picture was used, roughly


class Folder:
    """Reads and writes; each method raises OSError. Not for an event loop: a disk may be slow."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Make the folders, readable by us alone, unless they are there."""
        for part in ("contents", "names"):
            (self.path / part).mkdir(mode=0o700, parents=True, exist_ok=True)

    def stored(self) -> list[Stored]:
        """Return every link that leads to a picture, the picture used longest ago first.

        What else is there of ours (what a crash left, pictures without a link) is removed.
        """
        found, kept = [], set()
        for link in _files(self.path / "names"):
            one = self._stored(link)
            if one is None:
                link.unlink(missing_ok=True)
            else:
                found.append(one)
                kept.add(one.content)
        for file in _files(self.path / "contents"):
            if file.name.removesuffix(_ENDING) not in kept:
                file.unlink(missing_ok=True)
        return sorted(found, key=lambda one: one.used_s)

    def read(self, content: str) -> bytes:
        """Return a picture, and note that it was used."""
        path = self._content(content)
        body = path.read_bytes()
        with contextlib.suppress(OSError):  # a folder that may only be read
            os.utime(path)
        return body

    def write(self, name: str, content: str, body: bytes) -> None:
        """Store a picture, and the name that stands for it."""
        path, link = self._content(content), self._name(name)
        for parent in (path.parent, link.parent):
            parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            self._rename(path, lambda unfinished: unfinished.write_bytes(body))
        target = Path("../..") / path.relative_to(self.path)
        self._rename(link, lambda unfinished: unfinished.symlink_to(target))

    def remove(self, content: str, names: Iterable[str]) -> None:
        """Remove a picture and the names that stand for it."""
        for name in names:
            self._name(name).unlink(missing_ok=True)
        self._content(content).unlink(missing_ok=True)

    def _stored(self, link: Path) -> Stored | None:
        content = link.readlink().name.removesuffix(_ENDING) if link.is_symlink() else ""
        if not _NAME.fullmatch(link.name) or not _NAME.fullmatch(content):
            return None
        with contextlib.suppress(FileNotFoundError):
            file = self._content(content).stat()
            return Stored(link.name, content, file.st_size, link.lstat().st_mtime, file.st_mtime)
        return None

    def _rename(self, path: Path, make: Callable[[Path], object]) -> None:
        unfinished = path.with_name(f"{secrets.token_hex(8)}{_UNFINISHED}")
        try:
            make(unfinished)
            unfinished.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise

    def _content(self, content: str) -> Path:
        return self.path / "contents" / content[:2] / f"{content}{_ENDING}"

    def _name(self, name: str) -> Path:
        return self.path / "names" / name[:2] / name


def _files(folder: Path) -> Iterator[Path]:
    for part in sorted(folder.iterdir()):
        if part.is_dir() and not part.is_symlink():
            yield from part.iterdir()
