"""The first request of a socket: a handshake, a health check, or something to refuse."""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import ExtensionParameter, Origin, Subprotocol

from dexwire.stream.limits import IN_BYTES
from dexwire.stream.messages import PATH, SUBPROTOCOL
from shared.edge.client_address import Proxies, limit_key
from shared.edge.framing import HEAD_MAX
from shared.edge.origins import spellings


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to a handshake that was in order, but not now."""

    status: int
    text: str
    retry_after_s: int


class Admission(Protocol):
    """What decides who may come in."""

    proxies: Proxies

    def refusal(self, address: str) -> Refusal | None:
        """Return how one more connection of an address is turned away, if it is."""

    def health(self, path: str) -> tuple[int, Mapping[str, Any]] | None:
        """Return the answer of a health path, None for any other path."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A handshake that succeeds."""

    response: Response  # 101
    address: str  # counted against the cap
    topics: str | None  # of the query, separated by commas
    watch: str | None  # likewise: token ids
    deflate: bool  # whether compressed messages were agreed on
    protocol_known: bool  # False: the client speaks only subprotocols that we do not


class _SharedDeflate(ServerPerMessageDeflateFactory):
    """Agrees on compression only in the one form in which frames can be shared."""

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Decline an offer with a smaller window than that of the shared frames."""
        if any(name == "server_max_window_bits" and bits != "15" for name, bits in params):
            raise NegotiationError("shared frames need a window of 15 bits")
        return super().process_request_params(params, accepted_extensions)


def new_protocol(
    origins: Sequence[str], *, require_origin: bool, deflate: bool = True
) -> ServerProtocol:
    """Return the protocol state of a new socket; `deflate`: compression is agreed to."""
    allowed: list[Origin | None] = [Origin(origin) for origin in spellings(origins)]
    if not require_origin:
        allowed.append(None)
    return ServerProtocol(
        origins=allowed,
        extensions=[_SharedDeflate()] if deflate else None,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        select_subprotocol=_select,
        max_size=IN_BYTES,
    )


def answer(
    ws: ServerProtocol, request: Request, peer: str, admission: Admission
) -> Opened | Response:
    """Judge the first request: a response other than 101 ends the connection."""
    try:
        url = urlsplit(request.path)
    except ValueError:  # such as //[: the beginning of an address in brackets
        return _refuse(ws, 400, "this is no path")
    health = admission.health(url.path)
    if health is not None:
        return _json(*health) if request.method == "GET" else _refuse(ws, 405, "GET only")
    if url.path != PATH:
        return _refuse(ws, 404, f"the stream is at {PATH}")
    if _size(request) > HEAD_MAX:
        return too_large(ws)
    response = ws.accept(request)
    if response.status_code != http.HTTPStatus.SWITCHING_PROTOCOLS:
        return response
    forwarded = ",".join(request.headers.get_all("X-Forwarded-For"))
    address = limit_key(admission.proxies.client(peer, forwarded))
    refusal = admission.refusal(address)
    if refusal is not None:
        refused = _refuse(ws, refusal.status, refusal.text)
        refused.headers["Retry-After"] = str(refusal.retry_after_s)
        return refused
    query = parse_qs(url.query, keep_blank_values=True)
    topics, watch = query.get("topics"), query.get("watch")
    return Opened(
        response,
        address,
        topics=None if topics is None else ",".join(topics),
        watch=None if watch is None else ",".join(watch),
        deflate=bool(ws.extensions),
        protocol_known=ws.subprotocol in {None, SUBPROTOCOL},
    )


def unread_answer(refusal: Refusal) -> bytes:
    """Return the answer to a handshake that nobody parses."""
    text = f"{refusal.text}\n"
    lines = [
        f"HTTP/1.1 {refusal.status} {http.HTTPStatus(refusal.status).phrase}",
        "Connection: close",
        f"Retry-After: {refusal.retry_after_s}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(text)}",
    ]
    return "\r\n".join([*lines, "", text]).encode()


def too_large(ws: ServerProtocol) -> Response:
    """Return the answer to a handshake of more than HEAD_MAX bytes."""
    return _refuse(ws, 431, f"a handshake may have {HEAD_MAX} bytes")


def _select(_ws: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Pick ours, or none for a client that names none.

    For one that names only others, echo the first: a browser is given the close code 4504 only
    after a handshake that it accepts, and it refuses one that echoes nothing.
    """
    if not offered:
        return None
    ours = Subprotocol(SUBPROTOCOL)
    return ours if ours in offered else offered[0]


def _size(request: Request) -> int:
    """Return the bytes of the request's line and headers, nearly."""
    fields = request.headers.raw_items()
    return len(request.path) + sum(len(name) + len(value) + 4 for name, value in fields)


def _refuse(ws: ServerProtocol, status: int, text: str) -> Response:
    response = ws.reject(status, f"{text}\n")
    if status == http.HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "GET"
    return response


def _json(status: int, body: Mapping[str, Any]) -> Response:
    encoded = msgspec.json.encode(body)
    headers = Headers(
        [
            ("Connection", "close"),
            ("Content-Length", str(len(encoded))),
            ("Content-Type", "application/json"),
            ("Cache-Control", "no-cache"),
        ]
    )
    return Response(status, http.HTTPStatus(status).phrase, headers, encoded)
