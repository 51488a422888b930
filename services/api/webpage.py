"""The web page: its files as finished answers, and what it has to know of this deployment.

The files are the committed build of `web/` (`make page`). Assets carry a hash of their content in
their names and are kept by browsers for ever; the page itself is requested each time, and
answered with 304 while it is the same. Both are compressed once, at the start.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from services.api.discover.query import parse_parameters
from shared.edge.http.answer import Answer, Header, NotModified, json_answer, matches
from shared.edge.http.problem import Problem, clip
from shared.sources import POLLED, letters

FOLDER: Final = Path(__file__).parent / "page"
_TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
_ASSET_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'"
_ZERO: Final = re.compile(rb"q\s*=\s*0(\.0{0,3})?")
_HOST: Final = re.compile(rb"\A([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")


class PageFile:
    """A file of the page, as it is and compressed: two answers with an ETag each."""

    def __init__(self, body: bytes, content_type: bytes, cache: bytes) -> None:
        self._type, self._cache = content_type, cache
        packed = gzip.compress(body, 9, mtime=0)
        self._plain = body
        self._packed = packed if len(packed) < 0.9 * len(body) else None
        self._tag = hashlib.blake2b(body, digest_size=12).hexdigest().encode()

    def answer(self, scope: Scope, policy: bytes) -> Answer:
        """Return what this request may have: the file, compressed if it takes that, or 304."""
        packed = self._packed if accepts_gzip(_header(scope, b"accept-encoding")) else None
        tag = b'"%s-gzip"' % self._tag if packed is not None else b'"%s"' % self._tag
        own: dict[bytes, bytes] = {
            b"content-security-policy": policy,
            b"cache-control": self._cache,
            b"etag": tag,
            b"vary": b"accept-encoding",
        }
        if matches(_header(scope, b"if-none-match"), tag):
            return _same(own)
        if packed is not None:
            own[b"content-encoding"] = b"gzip"
        return _whole(packed or self._plain, self._type, own)


def _whole(body: bytes, content_type: bytes, own: dict[bytes, bytes]) -> Answer:
    """Return a file with its own policy and lifetime instead of those of data."""
    answer = Answer(200, body, content_type)
    answer.raw_headers = list((dict(answer.raw_headers) | own).items())
    return answer


def _same(own: dict[bytes, bytes]) -> Answer:
    answer = NotModified(())
    answer.raw_headers = list((dict(answer.raw_headers) | own).items())
    return answer


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Return whether a request takes gzip (RFC 9110, 12.5.3): by name or by `*`, not with q=0."""
    weights: dict[bytes, bool] = {}
    for part in accept_encoding.lower().split(b","):
        coding, _, parameter = part.partition(b";")
        weights[coding.strip()] = not _ZERO.fullmatch(parameter.strip())
    return weights.get(b"gzip", weights.get(b"x-gzip", weights.get(b"*", False)))


class IndexPage:
    """`GET /`: the page, under a policy that lets it read this host, its stream and images only."""

    def __init__(self, body: bytes, ws_url: str, images_url: str | None) -> None:
        self._file = PageFile(body, _TYPES[".html"], b"no-cache")
        self._ws_url, self._images_url = ws_url, images_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, whatever the parameters: they are the page's own."""
        policy = content_policy(self._ws_url, self._images_url, _header(scope, b"host"))
        await self._file.answer(scope, policy)(scope, receive, send)


class Assets:
    """`GET /assets/{name}`: the page's files. Names are looked up, never joined to paths."""

    def __init__(self, files: dict[str, PageFile]) -> None:
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises Problem 404."""
        name = scope["path_params"]["name"]
        file = self._files.get(name)
        if file is None:
            raise Problem(404, "not_found", f"there is nothing at /assets/{clip(name)}")
        await file.answer(scope, _ASSET_POLICY)(scope, receive, send)


class PageConfig:
    """`GET /config.json`: where stream and images are, and whose data is shown."""

    def __init__(self, ws_url: str, images_url: str | None, version: str, *, demo: bool) -> None:
        self._ws_url, self._images_url = ws_url, images_url
        self._version, self._demo = version, demo
        self._sources = described_sources()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the addresses of stream and images as this browser reaches them."""
        parse_parameters(scope["query_string"], ())
        host, images_url = _header(scope, b"host"), self._images_url
        content = {
            "ws_url": reached_url(self._ws_url, host),
            "images_url": None if images_url is None else reached_url(images_url, host),
            "demo": self._demo,
            "version": self._version,
            "sources": self._sources,
        }
        await json_answer(200, content)(scope, receive, send)


def described_sources() -> list[dict[str, Any]]:
    """Return what the page shows of each polled source, the most trusted first."""
    letter = letters(POLLED)
    return [
        {
            "name": name,
            "title": each.title,
            "letter": letter[name],
            "website": each.website,
            "link": each.link,
            "credit": each.credit,
            "chain_names": each.chain_names,
        }
        for name, each in POLLED.items()
    ]


def page_routes(
    ws_url: str, version: str, *, images_url: str | None, demo: bool
) -> dict[str, ASGIApp]:
    """Return the endpoints of the page, by path. Reads the files once."""
    index = (FOLDER / "index.html").read_bytes()
    files = {path.name: _asset(path) for path in sorted((FOLDER / "assets").iterdir())}
    return {
        "/": IndexPage(index, ws_url, images_url),
        "/assets/{name}": Assets(files),
        "/config.json": PageConfig(ws_url, images_url, version, demo=demo),
    }


def reached_url(url: str, host: bytes) -> str:
    """Return what the page opens: absolute, or a path below its own origin.

    `:8001/ws` is another port of the host that the page came from; the page completes
    `//host:port/path` with its own scheme.
    """
    if not url.startswith(":"):
        return url
    found = _HOST.match(host)
    name = found[1].decode() if found else "127.0.0.1"
    return f"//{name}{url}"


def content_policy(ws_url: str, images_url: str | None, host: bytes) -> bytes:
    """Return the page's Content-Security-Policy: our own files, stream and images."""
    connect = _sources(ws_url, ("ws", "wss"), host)
    images = "" if images_url is None else _sources(images_url, ("http", "https"), host)
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{images}; "
        f"connect-src 'self'{connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode()


def _sources(url: str, schemes: Sequence[str], host: bytes) -> str:
    """Return what a policy calls an address, nothing for a path of our own origin."""
    parts = urlsplit(reached_url(url, host))
    if not parts.netloc:
        return ""
    # A policy cannot name an IPv6 address (CSP 3, "host-source"): any host of the scheme then.
    source = "" if parts.netloc.startswith("[") else f"//{parts.netloc}"
    named = [parts.scheme] if parts.scheme else schemes
    return "".join(f" {scheme}:{source}" for scheme in named)


def _asset(path: Path) -> PageFile:
    return PageFile(path.read_bytes(), _TYPES[path.suffix], b"public, max-age=31536000, immutable")


def _header(scope: Scope, wanted: bytes) -> bytes:
    """Return a request's header, its lines joined as one list; empty when it is not there."""
    headers: list[Header] = scope["headers"]
    return b",".join(value for name, value in headers if name == wanted)
