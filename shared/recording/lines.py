"""Files of JSON lines under zstd, written once by one process and read back with bounds.

A file is one zstd frame, so the ordinary `zstdcat FILE | jq` reads it too. The reader holds one
line at a time, however long the file is, and believes nothing: what it reads may be damaged, cut
off or made by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import zstandard

from shared.errors import PipelineError

LONGEST: Final = 32 * 1024 * 1024  # bytes of a line: 5 MB of body, each byte escaped
_LEVEL: Final = 6
_WINDOW: Final = 1 << 24  # bytes that a frame may make the reader keep; ours take 2 MiB
_CHUNK: Final = 128 * 1024
_MAGIC: Final = b"\x28\xb5\x2f\xfd"


class RecordingError(PipelineError):
    """A file cannot be read as what it was taken for; the message names the file and the place."""


class LineWriter:
    """Writes a new file; one that is there is never touched.

    Raises OSError (FileExistsError too) from the constructor, `write`, `flush` and `close`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb")
        self._packer = zstandard.ZstdCompressor(level=_LEVEL).stream_writer(
            self._file, closefd=False
        )
        self._packed = 0

    @property
    def size(self) -> int:
        """Bytes of the file, without what the compressor still holds (at most some 128 KiB)."""
        return self._packed

    def write(self, line: bytes) -> None:
        """Add a line; it has no line break."""
        self._packer.write(line + b"\n")
        self._packed = self._file.tell()

    def flush(self) -> None:
        """Bring all lines so far into the file, where a reader finds them."""
        self._packer.flush(zstandard.FLUSH_BLOCK)
        self._file.flush()
        self._packed = self._file.tell()

    def close(self) -> None:
        """End the file. Nothing is written after this; closing again does nothing."""
        if self._file.closed:
            return
        try:
            self._packer.flush(zstandard.FLUSH_FRAME)
            self._packed = self._file.tell()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def read_lines(path: Path, longest: int = LONGEST) -> Iterator[bytes]:
    """Yield the whole lines of a file; a last line without its end is left out.

    Raises RecordingError for a file that cannot be opened, is no zstd file, is damaged, or has a
    line of more than `longest` bytes.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise RecordingError(f"{path} is no recording of dexwire")
            file.seek(0)
            yield from _split(path, file, longest)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from None
    except zstandard.ZstdError as error:
        raise RecordingError(f"{path} is damaged: {error}") from None


def _split(path: Path, file: IO[bytes], longest: int) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    held = bytearray()
    with unpacker.stream_reader(file, closefd=False) as reader:
        while chunk := reader.read(_CHUNK):
            first, *rest = chunk.split(b"\n")
            held += first
            for part in rest:
                yield bytes(held)
                held = bytearray(part)
            if len(held) > longest:
                raise RecordingError(f"{path} is damaged: a line of more than {longest} bytes")
