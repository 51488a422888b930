"""Finished answers: status, headers and body as bytes, made once and sent as often as needed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.edge.http.problem import Problem, phrase

Header = tuple[bytes, bytes]

SAFE_HEADERS: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"
# In the scope's state: a function that sends an answer in one step, where the server has one
# (`uvicorn_protocol.py`).
SEND_WHOLE: Final = "dexwire.send_whole"
_WEAK: Final = re.compile(rb"\A[Ww]/")
# Apache: "tag-gzip", before 2.4 "tag"-gzip; Jetty: "tag--gzip"; others: "tag;br", "tag:zstd".
_CODING: Final = re.compile(rb'"?[-;:.+_]{1,2}(?:x-)?(?:gzip|gz|br|brotli|zstd|deflate)\Z')


class Answer(Response):
    """An ASGI response whose parts are bytes already; safe to share between requests."""

    def __init__(
        self, status: int, body: bytes, content_type: bytes = JSON, headers: Iterable[Header] = ()
    ) -> None:
        self.status_code = status
        self.background = None
        self.problem = ""  # its code, if it is one
        self.body = body
        own = list(headers)
        self.raw_headers = [
            (b"content-type", content_type),
            (b"content-length", b"%d" % len(body)),
            *_safe_beside(own),
            *own,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send it; HEAD gets the headers only."""
        body = b"" if scope["method"] == "HEAD" else self.body
        send_whole = scope.get("state", {}).get(SEND_WHOLE)
        if send_whole is not None and send_whole(send, self.head, body):
            return
        # Copied: a wrapper of `send` may add to the list, which the next request would see.
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers.copy(),
            }
        )
        await send({"type": "http.response.body", "body": body})

    @cached_property
    def head(self) -> bytes:
        """The status line and the headers as HTTP/1.1 has them; the empty line is not there yet.

        Raises ValueError for a header that holds a line's end.
        """
        lines = [
            b"HTTP/1.1 %d %s" % (self.status_code, phrase(self.status_code).encode()),
            *(name + b": " + value for name, value in self.raw_headers),
        ]
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise ValueError("a header holds a line's end")
        return b"\r\n".join([*lines, b""])


def _safe_beside(own: Iterable[Header]) -> list[Header]:
    """Return the headers of every answer, without those that an answer has itself."""
    names = {name for name, _ in own}
    return [header for header in SAFE_HEADERS if header[0] not in names]


class TaggedAnswer:
    """A page with its weak ETag: either sent whole, or answered with 304; both with `headers`."""

    def __init__(
        self, body: bytes, tag: bytes, content_type: bytes = JSON, headers: Iterable[Header] = ()
    ) -> None:
        self.tag = tag
        own = [(b"etag", tag), *headers]
        self._whole = Answer(200, body, content_type, own)
        self._same = NotModified(own)

    def for_request(self, scope: Scope) -> Answer:
        """Return the answer that this request's `If-None-Match` asks for."""
        for name, value in scope["headers"]:
            if name == b"if-none-match" and matches(value, self.tag):
                return self._same
        return self._whole


class NotModified(Answer):
    """304: no body, and no header that would describe one."""

    def __init__(self, headers: Iterable[Header]) -> None:
        super().__init__(304, b"")
        own = list(headers)
        self.raw_headers = [*_safe_beside(own), *own]


def problem_answer(problem: Problem) -> Answer:
    """Return the answer that a problem is."""
    headers = [(name.encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
    answer = Answer(problem.status, problem.body(), PROBLEM, headers)
    answer.problem = problem.code
    return answer


def json_answer(status: int, content: object) -> Answer:
    """Return an answer with JSON content."""
    return Answer(status, msgspec.json.encode(content))


def weak_tag(*parts: bytes) -> bytes:
    """Return a weak ETag over what makes two pages the same."""
    return b'W/"%s"' % hashlib.blake2b(b"\n".join(parts), digest_size=12).hexdigest().encode()


def matches(if_none_match: bytes, tag: bytes) -> bool:
    """Compare weakly (RFC 9110, 13.1.2): neither W/ nor what a proxy adds makes a difference."""
    wanted = _plain_tag(tag)
    return if_none_match.strip() == b"*" or any(
        _plain_tag(part) == wanted for part in if_none_match.split(b",")
    )


def _plain_tag(tag: bytes) -> bytes:
    """Return a tag without W/, its quotes, and the coding that a compressing proxy names in it."""
    return _CODING.sub(b"", _WEAK.sub(b"", tag.strip()).rstrip(b'"').removeprefix(b'"'))
