"""Tables as files, Parquet or CSV, written part by part and seen only when they are whole."""

from __future__ import annotations

import csv
import datetime as dt
import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

from services.api.formats import disarmed
from shared.errors import ConfigError

FileFormat: TypeAlias = Literal["parquet", "csv"]
Kind: TypeAlias = Literal["time", "number", "count", "text", "flag"]
Columns: TypeAlias = Mapping[str, Kind]
_MISSING: Final = "--format parquet: needs pyarrow: pip install 'dexwire-server[export]'"


class Writer(Protocol):
    """Takes rows of one table; times are Unix milliseconds."""

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""

    def close(self) -> None:
        """Write what is left."""


def check_format(fmt: FileFormat) -> None:
    """Raise ConfigError where a format needs what is not installed."""
    if fmt == "parquet":
        _pyarrow()


@contextmanager
def table(path: Path, fmt: FileFormat, columns: Columns) -> Iterator[Writer]:
    """Write `path` with the ending of its format; a file of before is there until it is whole."""
    whole = path.with_name(f"{path.name}.{fmt}")
    part = whole.with_name(f".{whole.name}.part")
    whole.parent.mkdir(parents=True, exist_ok=True)
    writer = _Parquet(part, columns) if fmt == "parquet" else _Csv(part, columns)
    try:
        yield writer
        writer.close()
        part.replace(whole)
    finally:
        writer.close()
        part.unlink(missing_ok=True)


class _Parquet:
    def __init__(self, path: Path, columns: Columns) -> None:
        self._arrow = _pyarrow()
        kinds = {
            "time": self._arrow.timestamp("ms", tz="UTC"),
            "number": self._arrow.float64(),
            "count": self._arrow.int64(),
            "text": self._arrow.string(),
            "flag": self._arrow.bool_(),
        }
        self._schema = self._arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
        parquet = importlib.import_module("pyarrow.parquet")
        self._file = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        values = zip(*rows, strict=True)
        arrays = [
            self._arrow.array(column, type=field.type)
            for column, field in zip(values, self._schema, strict=True)
        ]
        self._file.write_table(self._arrow.table(arrays, schema=self._schema))

    def close(self) -> None:
        self._file.close()


class _Csv:
    def __init__(self, path: Path, columns: Columns) -> None:
        self._kinds = list(columns.values())
        self._file = path.open("w", encoding="utf-8", newline="")
        self._lines = csv.writer(self._file)
        self._lines.writerow(columns)

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        for row in rows:
            self._lines.writerow(map(_cell, row, self._kinds))

    def close(self) -> None:
        self._file.close()


def _cell(value: Any, kind: Kind) -> Any:  # noqa: ANN401 - what csv writes
    if value is None:
        return ""
    if kind == "time":
        text = dt.datetime.fromtimestamp(value / 1000, dt.UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    if kind == "flag":
        return "true" if value else "false"
    return disarmed(value) if kind == "text" else value


def _pyarrow() -> Any:  # noqa: ANN401 - it ships no types
    try:
        return importlib.import_module("pyarrow")
    except ImportError:
        raise ConfigError(_MISSING) from None
