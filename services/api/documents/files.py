"""The documents as answers: files of this package, read once, offline."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.edge.http.answer import SAFE_HEADERS, Answer, Header, NotModified, matches, weak_tag

# What Swagger UI needs: its own script and style, images within the style, requests to us.
_PAGE_CSP: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES: Final = {
    "css": b"text/css; charset=utf-8",
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "json": b"application/json",
}
_FILES: Final = {
    "/openapi.json": "openapi.json",
    "/asyncapi.json": "asyncapi.json",
    "/docs": "swagger/index.html",
    "/docs/start.js": "swagger/start.js",
    "/docs/swagger-ui-bundle.js": "swagger/swagger-ui-bundle.js",
    "/docs/swagger-ui.css": "swagger/swagger-ui.css",
}


class File:
    """One file with its ETag; a page may load what is ours, everything else nothing."""

    def __init__(self, body: bytes, content_type: bytes, *, csp: bytes | None = None) -> None:
        self.tag = weak_tag(body)
        tagged: list[Header] = [(b"etag", self.tag)]
        self._whole = Answer(200, body, content_type, tagged)
        self._same = NotModified(tagged)
        if csp is not None:
            ours = [(n, csp if n == b"content-security-policy" else v) for n, v in SAFE_HEADERS]
            for answer in (self._whole, self._same):
                kept = [header for header in answer.raw_headers if header not in SAFE_HEADERS]
                answer.raw_headers = [*kept, *ours]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; 304 to who has it."""
        same = any(n == b"if-none-match" and matches(v, self.tag) for n, v in scope["headers"])
        await (self._same if same else self._whole)(scope, receive, send)


def document_routes() -> dict[str, ASGIApp]:
    """Return what serves the documents, by path."""
    return {path: _load(name) for path, name in _FILES.items()}


def _load(name: str) -> File:
    kind = name.rpartition(".")[2]
    body = files(__package__).joinpath(name).read_bytes()
    return File(body, _TYPES[kind], csp=_PAGE_CSP if kind == "html" else None)
