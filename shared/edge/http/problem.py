"""Errors as `application/problem+json` (RFC 9457): at most 1 kB, without internals. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

ECHO_MAX: Final = 64  # characters of input that an answer may repeat
_DETAIL_MAX: Final = 400
# RFC 9110's names; http.HTTPStatus has them from Python 3.13 on, other ones before.
_RENAMED: Final = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


def phrase(status: int) -> str:
    """Return a status in words, the same on every version of Python."""
    return _RENAMED.get(status) or HTTPStatus(status).phrase


class Problem(Exception):
    """A request that is answered with an error.

    `code` is what programs test, `detail` what people read; `more` are extra members of the body.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        param: str | None = None,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail[:_DETAIL_MAX]
        self.param = param
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["retry-after"] = str(retry_after_s)
        self.more = dict(more or {})

    @property
    def phrase(self) -> str:
        """The status in words."""
        return phrase(self.status)

    def body(self) -> bytes:
        """Return the JSON."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": self.phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.param is not None:
            members["param"] = clip(self.param)
        return msgspec.json.encode(members | self.more)


def clip(text: str, limit: int = ECHO_MAX) -> str:
    """Return input fit to be repeated: short, and without control characters."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit])
    return shown if len(text) <= limit else shown[: limit - 1] + "…"
