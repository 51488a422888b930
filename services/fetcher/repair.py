"""Reads a body that is not valid JSON: keeps each record that can be read, whatever another holds.

The strict decoder comes first (services/fetcher/values.py); what it refuses is rewritten here as
valid JSON. A value that JSON does not know becomes null, broken characters become U+FFFD, and a
record whose structure is broken is left out: reading goes on at the next one. Time is linear in
the size of the body. Pure.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection
from typing import Final

from shared.errors import MalformedBody

DEPTH_MAX: Final = 64  # what is nested deeper inside a record is unknown
_NUMBER_MAX: Final = 400  # digits; the longest recorded number has 70
# Past these bounds what is left of a body is refused: some 2 s of work, where 5 MB of records have
# half as many tokens.
TOKENS_MAX: Final = 1_200_000
BROKEN_MAX: Final = 1_000

_TOKEN: Final = re.compile(
    rb"""[ \t\r\n]*+(?:
        ([{}\[\],:])
      | ("(?:[^"\\\x00-\x1f\x80-\xff]|\\["\\/bfnrt])*+")  # a string with nothing to look at
      | ("(?:[^"\\]|\\.)*+")
      | ([^\s{}\[\],:"]++)
    )""",
    re.VERBOSE | re.DOTALL,
)
_MARK, _PLAIN, _STRING, _BARE = 1, 2, 3, 4
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_CLOSING: Final = {0x7B: b"}", 0x5B: b"]"}
_OBJECT: Final = 0x7B
_VALUE, _KEY, _COLON, _MORE = range(4)  # what may come next inside a value
_LITERALS: Final = frozenset({b"true", b"false", b"null"})
_CHARACTERS: Final = re.compile(
    r"""(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}  # a pair of surrogates
       | \\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}
       | \\["\\/bfnrt])
      | ([\x00-\x1f])
      | \\u[dD][89a-fA-F][0-9a-fA-F]{2}
      | \\.""",
    re.VERBOSE | re.DOTALL,
)
# In valid JSON an object behind a comma is an element of a list. No string can hold the start of a
# record, because its quotes would be escaped.
_NEXT_RECORD: Final = re.compile(rb",[ \t\r\n]*+(?=\{)")
_NEXT_ENTRY: Final = re.compile(
    rb',[ \t\r\n]*+(?="[^"\\]*+"[ \t\r\n]*+:[ \t\r\n]*+(?:\{|null))',
)
_NESTED_ENTRY: Final = re.compile(rb',[ \t\r\n]*+"[^"\\]*+"[ \t\r\n]*+:[ \t\r\n]*+\{')
_END: Final = re.compile(rb"[ \t\r\n]*+\Z")


class _BrokenError(Exception):
    """A value ends where it should not, or never."""


class _Value:
    """One value of any depth as it is being written: what comes next, and in which brackets."""

    def __init__(self, refused: Counter[str]) -> None:
        self.out: list[bytes] = []
        self.brackets = bytearray()
        self._refused = refused
        self._next = _VALUE
        self._comma = b""  # written before the next element, so that none is left at the end
        self._deep_at = 0  # where in `out` something too deep begins

    def take(self, token: re.Match[bytes]) -> bool:
        """Take the next token; return False when it cannot stand here."""
        mark = token[_MARK]
        if mark is None:
            return self._scalar(token)
        if mark == b"{" or mark == b"[":  # noqa: PLR1714 - called for every token
            return self._open(mark)
        if mark == b":":
            return self._colon()
        if not self.brackets or self._next == _COLON:
            return False
        in_object = self.brackets[-1] == _OBJECT
        if self._next == _VALUE and in_object:  # {"fdv":,
            self._refused["value_shape"] += 1
            self.out.append(b"null")
            self._next = _MORE
        if mark == b",":
            self._comma = b"," if self._next == _MORE else self._comma
            self._next = _KEY if in_object else _VALUE
            return True
        return self._close(mark)

    def _scalar(self, token: re.Match[bytes]) -> bool:
        if self._next == _VALUE:
            self.out += (self._comma, scalar(token, self._refused))
            self._next = _MORE
        elif self._next == _KEY and token.lastindex != _BARE:
            self.out += (self._comma, string(token, self._refused))
            self._next = _COLON
        else:
            return False
        self._comma = b""
        return True

    def _colon(self) -> bool:
        expected = self._next == _COLON
        self.out.append(b":")
        self._next = _VALUE
        return expected

    def _open(self, mark: bytes) -> bool:
        expected = self._next == _VALUE
        self.out.append(self._comma)
        if len(self.brackets) == DEPTH_MAX:
            self._deep_at = len(self.out)
        self.out.append(mark)
        self.brackets += mark
        self._comma, self._next = b"", _KEY if mark == b"{" else _VALUE
        return expected

    def _close(self, mark: bytes) -> bool:
        expected = mark == _CLOSING[self.brackets.pop()]
        self.out.append(mark)
        if len(self.brackets) == DEPTH_MAX:
            self._refused["value_shape"] += 1
            self.out[self._deep_at :] = [b"null"]
        self._comma, self._next = b"", _MORE
        return expected


def scalar(token: re.Match[bytes], refused: Counter[str]) -> bytes:
    """Return a string, number or literal as valid JSON; what is none of them is null."""
    bare = token[_BARE]
    if bare is None:
        return string(token, refused)
    if bare in _LITERALS:
        return bare
    if len(bare) <= _NUMBER_MAX and _NUMBER.match(bare) and math.isfinite(float(bare)):
        return bare
    refused["value_number"] += 1
    return b"null"


def string(token: re.Match[bytes], refused: Counter[str]) -> bytes:
    """Return a string as valid JSON, with U+FFFD for each character that is broken."""
    raw = token[_STRING]
    if raw is None:
        return token[_PLAIN]
    clean = _CHARACTERS.sub(_character, raw[1:-1].decode("utf-8", "replace"))
    text = b'"%s"' % clean.encode()
    if text != raw:
        refused["value_text"] += 1
    return text


def _character(found: re.Match[str]) -> str:
    if found[1]:
        return found[1]
    return " " if found[2] else "\ufffd"


class _BrokenBody:
    def __init__(self, body: bytes, members: Collection[str], refused: Counter[str]) -> None:
        self._body = body
        self._refused = refused
        self._left, self._spent = TOKENS_MAX, False
        self._lists = {b'"%s"' % name.encode() for name in members}
        name = b"(?:%s)" % b"|".join(re.escape(each) for each in sorted(self._lists))
        self._next_member = re.compile(rb",[ \t\r\n]*+(?=%s[ \t\r\n]*+:)" % name)
        # Behind a list comes another: what is no list is a broken record's own member of that name.
        other = rb",[ \t\r\n]*+%s[ \t\r\n]*+:[ \t\r\n]*+(?:\[|null)" % name
        self._next_list = re.compile(rb"\][ \t\r\n]*+(?=%s)" % other)
        self._list_end = re.compile(rb"[ \t\r\n]*+(?:\}[ \t\r\n]*+\Z|%s)" % other)
        self._next_list_at = 0  # as far as it was looked for

    def read(self) -> bytes:
        first = _TOKEN.match(self._body)
        mark = first[_MARK] if first else None
        if not first or mark not in {b"[", b"{"}:
            raise MalformedBody("body is no JSON")
        if mark == b"[":
            records, _ = self._records(first.end(), _END)
            found, whole = bool(records), b"[%s]" % b",".join(records)
        else:
            members = self._members(first.end())
            held = [members.get(name, b"[]") for name in self._lists] or list(members.values())
            found = any(value != b"[]" for value in held)
            whole = b"{%s}" % b",".join(b"%s:%s" % pair for pair in members.items())
        if not found and self._refused["syntax"]:
            raise MalformedBody("no record of the body can be read")
        return whole

    def _members(self, at: int) -> dict[bytes, bytes]:
        """Read the members of the body's object: lists of records, or one record each."""
        body, members = self._body, dict[bytes, bytes]()
        while token := _TOKEN.match(body, at):
            mark, at = token[_MARK], token.end()
            if mark == b"}" and _END.match(body, at):
                return members
            if mark in {b",", b"}"}:  # a bracket too many belongs to a record that was given up
                continue
            start = token.start(token.lastindex or 0)
            try:
                key, at = self._key(start)
                member, at = self._member(key, at)
                self._check_follows(at, b"}")
                if not self._lists:
                    self._check_alone(start, at, _NESTED_ENTRY)
                members[key] = member
            except _BrokenError:
                self._give_up()
                at = self._find(self._next_member if self._lists else _NEXT_ENTRY, start)
        self._note_tear()
        return members

    def _check_alone(self, start: int, at: int, other: re.Pattern[bytes]) -> None:
        """Raise when a value ends with the body and holds others: it took their bracket."""
        if not _TOKEN.match(self._body, at) and other.search(self._body, start + 1):
            raise _BrokenError

    def _key(self, at: int) -> tuple[bytes, int]:
        key = _TOKEN.match(self._body, at)
        colon = _TOKEN.match(self._body, key.end()) if key else None
        if not key or key.lastindex not in {_PLAIN, _STRING} or not colon or colon[_MARK] != b":":
            raise _BrokenError
        return string(key, self._refused), colon.end()

    def _member(self, key: bytes, at: int) -> tuple[bytes, int]:
        opening = _TOKEN.match(self._body, at) if key in self._lists else None
        if opening and opening[_MARK] == b"[":
            records, at = self._records(opening.end(), self._list_end)
            return b"[%s]" % b",".join(records), at
        return self._value(at)

    def _records(self, at: int, end: re.Pattern[bytes]) -> tuple[list[bytes], int]:
        """Read a list's records from behind its bracket; return them and where the list ends.

        A closing bracket counts when what follows it matches `end`; else it belongs to a record
        that was given up.
        """
        body, records = self._body, list[bytes]()
        while token := _TOKEN.match(body, at):
            mark, at = token[_MARK], token.end()
            if mark == b"]" and end.match(body, at):
                return records, at
            if mark in {b",", b"[", b"]"}:  # a list is no record; its elements are looked at
                continue
            start = token.start(token.lastindex or 0)
            try:
                record, at = self._value(start)
                self._check_alone(start, at, _NEXT_RECORD)
                start = at - 1 if record.startswith(b"{") else start
                self._check_follows(at, b"]")
                records.append(record)
            except _BrokenError:
                self._give_up()
                at = min(self._find(_NEXT_RECORD, start), self._find_next_list(start))
        self._note_tear()
        return records, len(body)

    def _check_follows(self, at: int, end: bytes) -> None:
        follows = _TOKEN.match(self._body, at)
        if follows and follows[_MARK] not in {b",", end}:
            raise _BrokenError

    def _give_up(self) -> None:
        """Count a broken record; past the bounds all that is left is given up with it."""
        self._refused["syntax"] += 1
        self._spent = self._left <= 0 or self._refused["syntax"] >= BROKEN_MAX

    def _find(self, pattern: re.Pattern[bytes], start: int) -> int:
        found = None if self._spent else pattern.search(self._body, start + 1)
        return found.end() if found else len(self._body)

    def _find_next_list(self, start: int) -> int:
        if not self._lists or self._spent:
            return len(self._body)
        if self._next_list_at <= start:
            found = self._next_list.search(self._body, start + 1)
            self._next_list_at = found.start() if found else len(self._body)
        return self._next_list_at

    def _note_tear(self) -> None:
        """Count a body that ends early, unless that showed in its last record."""
        self._refused["syntax"] = self._refused["syntax"] or 1

    def _value(self, at: int) -> tuple[bytes, int]:
        """Read one value of any depth; return it as valid JSON, and where it ends."""
        value, left = _Value(self._refused), self._left
        try:
            while token := _TOKEN.match(self._body, at):
                at = token.end()
                left -= 1
                if not value.take(token) or left < 0:
                    raise _BrokenError
                if not value.brackets:
                    return b"".join(value.out), at
        finally:
            self._left = left
        raise _BrokenError


def repaired(body: bytes, members: Collection[str], refused: Counter[str]) -> bytes:
    """Return a list or an object of records as valid JSON.

    `members` are the members of the body that hold records; none: each member is a record itself.
    `refused` counts what was left out or changed, as in `Page.refused`. Raises Malformed when
    nothing can be read.
    """
    return _BrokenBody(_as_utf8(body), members, refused).read()


def _as_utf8(body: bytes) -> bytes:
    """Return the body as UTF-8 without a byte order mark; it may be UTF-16 or UTF-32."""
    encoding = json.detect_encoding(body)
    marked = body.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff", b"\xef\xbb\xbf"))
    # Without a mark it is guessed by the zero bytes at the start, of which others may hold one.
    if encoding == "utf-8" or not (marked or 3 * body.count(0) > len(body)):
        return body
    if encoding == "utf-8-sig":
        return body[3:]
    return body.decode(encoding, "replace").encode()
