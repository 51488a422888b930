"""How much a peer may send around what is read of it, on every port. Pure.

Request lines, headers, empty lines, chunk sizes, their extensions and trailers: HTTP leaves each of
them without an end, and parsers keep or skip them as long as they come. So every byte that is no
content counts, whatever element it belongs to.
"""

from __future__ import annotations

from typing import Final

HEAD_MAX: Final = 16 * 1024  # bytes of a request line and headers
HEADERS_MAX: Final = 100  # fields, trailers included


class Framing:
    """Counts the bytes of a header, or around a body, that are no content."""

    __slots__ = ("content", "size")

    def __init__(self) -> None:
        self.size = 0  # so far, content left out
        self.content = 0

    def received(self, size: int) -> None:
        """Count what came in."""
        self.size += size

    def is_content(self, size: int) -> None:
        """Take out of it what turned out to be content."""
        self.size -= size
        self.content += size

    def complete(self) -> None:
        """Begin with what comes next: the body, or another message."""
        self.size = self.content = 0

    @property
    def too_large(self) -> bool:
        """Whether it is too much: content may be wrapped in as many bytes as it has itself."""
        return self.size > HEAD_MAX + self.content
