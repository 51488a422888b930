"""The formats of a table (JSON, CSV, NDJSON), and which of them a request prefers. Pure.

Names of tokens are chosen by strangers, and spreadsheets run a cell that begins as a formula does:
in CSV such a text begins with an apostrophe instead. JSON and NDJSON are exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import msgspec

Format: TypeAlias = Literal["json", "csv", "ndjson"]
# By preference of ours, where a request has none.
CONTENT_TYPES: Final[dict[Format, bytes]] = {
    "json": b"application/json",
    "csv": b"text/csv; charset=utf-8; header=present",
    "ndjson": b"application/x-ndjson",
}
VARY: Final = (b"vary", b"accept")
_MEMO_MAX_BYTES: Final = 200  # of a header that is worth remembering
_NAMES: Final = {fmt: kind.partition(b";")[0].split(b"/") for fmt, kind in CONTENT_TYPES.items()}
_QUALITY: Final = re.compile(rb"q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")
# A spreadsheet of another language splits cells at semicolons, whatever the quotes around them.
_FORMULA: Final = re.compile(r"(\A|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
_QUOTED: Final = re.compile(r'[",;\t\r\n]')
_values: Final = msgspec.json.Decoder(list[str | int | float | bool | None])


def wanted_format(headers: Iterable[tuple[bytes, bytes]]) -> Format:
    """Return the format that a request's `Accept` prefers (RFC 9110, 12.5.1).

    JSON where formats are equal, where none of ours is named, and without the header.
    """
    accept = b""
    for name, value in headers:
        if name == b"accept":
            accept = accept + b"," + value if accept else value
    return _memo(accept) if len(accept) <= _MEMO_MAX_BYTES else preferred(accept)


def preferred(accept: bytes) -> Format:
    """Return the format that a value of `Accept` prefers."""
    ranges = [found for part in accept.lower().split(b",") if (found := _range(part))]

    def quality(fmt: Format) -> float:
        name, sub = _NAMES[fmt]
        known = [
            ((kind != b"*") + (part != b"*"), q)  # the more exact range decides
            for kind, part, q in ranges
            if kind in {b"*", name} and part in {b"*", sub}
        ]
        return max(known, default=(0, 0.0))[1]

    best = max(CONTENT_TYPES, key=quality)  # of equals the first
    return best if quality(best) else "json"


_memo = lru_cache(256)(preferred)


def _range(text: bytes) -> tuple[bytes, bytes, float] | None:
    """Return type, subtype and quality of a media range; None where it is none."""
    media, *parameters = (part.strip() for part in text.split(b";"))
    kind, slash, sub = media.partition(b"/")
    if not slash or not kind or not sub:
        return None
    weight = next((p for p in parameters if p.startswith(b"q") and b"=" in p), b"q=1")
    quality = _QUALITY.match(weight)
    return None if quality is None else (kind, sub, float(quality[1]))


def csv(columns: Sequence[str], rows: Iterable[Mapping[str, bytes | msgspec.Raw]]) -> bytes:
    """Return rows of JSON values as CSV (RFC 4180) with a line of names; an unknown is empty.

    Numbers stay as they are written, lists of plain values are joined by semicolons, objects are
    JSON.
    """
    lines = [",".join(columns)]
    lines += [",".join([_cell(row.get(name)) for name in columns]) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode()


def ndjson(rows: Iterable[bytes]) -> bytes:
    """Return rows (JSON) as lines, each ended."""
    return b"".join([row + b"\n" for row in rows])


def _cell(value: bytes | msgspec.Raw | None) -> str:
    if value is None:
        return ""
    text = bytes(value)
    if text == b"null":
        return ""
    if text.startswith(b'"'):
        return _text(msgspec.json.decode(text, type=str))
    if text.startswith(b"["):
        parts = ["" if v is None else _plain(v) for v in _values.decode(text)]
        return _text(";".join(parts)) if any(parts) else ";" * (len(parts) - 1)
    return _text(text.decode()) if text.startswith(b"{") else text.decode()


def _plain(value: str | float | bool) -> str:  # noqa: FBT001 - one value of a list
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def disarmed(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return _FORMULA.sub(r"\1'", text) if _FORMULA.search(text) else text


def _text(text: str) -> str:
    """Return a cell of text: never a formula, quoted where it has to be."""
    text = disarmed(text)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
