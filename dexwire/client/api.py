"""The HTTP side: pages, single tokens, search, ingest."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import UNSET, Struct, UnsetType

from dexwire.client.errors import ClientError, Malformed, Problem, Unreachable
from dexwire.client.past import Candles, PastList
from dexwire.client.proxies import PROXY_VARIABLES, is_here, through, unusable
from dexwire.client.rows import QuotedRow

PAGE: Final = 100  # tokens of a page, at most
T = TypeVar("T")


class Page(Struct, frozen=True, kw_only=True, rename={"next_cursor": "nextCursor"}):
    """A part of a list at one exact state; `total` is the length of the whole list.

    `native_prices`, with `quote`: by chain its coin's symbol, its price in USD and the time of it.
    """

    epoch: str
    version: int
    as_of_ms: int
    tokens: list[QuotedRow]
    total: int
    next_cursor: str | None = None
    order_version: int | None = None
    native_prices: dict[str, dict[str, Any]] | UnsetType = UNSET


class Rejected(Struct, frozen=True, kw_only=True):
    """One token of a post that was not taken."""

    index: int
    code: str
    detail: str = ""


class Unchanged(Struct, frozen=True, kw_only=True):
    """Accepted fields of one token that the list does not show, or showed before, and why."""

    index: int
    code: str
    fields: list[str]
    detail: str


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a post; all after `rejected` is set with `ack="commit"`."""

    batch_id: str
    accepted: int
    rejected: list[Rejected] = []
    unchanged: list[Unchanged] = []
    epoch: str | None = None
    version: int | None = None


class _Problem(Struct, kw_only=True):
    detail: str = ""
    code: str = "unknown"
    param: str | None = None


class _Found(Struct):
    tokens: list[QuotedRow]


class Api:
    """Calls one api. Every method raises Unreachable, Problem and Malformed."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        # A transport of our own keeps httpx from looking for proxies.
        direct = httpx.AsyncHTTPTransport() if is_here(url) else None
        try:
            self._http = httpx.AsyncClient(
                timeout=timeout_s, headers={"Accept": "application/json"}, transport=direct
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            if not any(os.environ.get(name) for name in PROXY_VARIABLES):
                raise
            raise ClientError(unusable(url, os.environ, error)) from None

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def page(self, parameters: Mapping[str, object], kind: type[T]) -> T:
        """Return one page of `/discover` as a struct of this kind."""
        return await self._get("/discover", kind, parameters)

    async def pages(
        self, parameters: Mapping[str, object], limit: int | None
    ) -> AsyncIterator[Page]:
        """Walk through a list, following its cursor, until `limit` tokens were given."""
        left, cursor = limit, None
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            found = await self.page({**parameters, "limit": size, "cursor": cursor}, Page)
            yield found
            cursor = found.next_cursor
            if cursor is None:
                return
            left = None if left is None else left - len(found.tokens)

    async def token(self, chain: str, address: str, quoted_in: str | None = None) -> dict[str, Any]:
        """Return the answer of `/tokens/{chain}/{address}`: row, readings per source, pools."""
        path = f"/tokens/{quote(chain, safe='')}/{quote(address, safe='')}"
        return await self._get(path, dict[str, Any], {"quote": quoted_in})

    async def search(self, parameters: Mapping[str, object]) -> list[QuotedRow]:
        """Return the rows that `/search` finds."""
        return (await self._get("/search", _Found, parameters)).tokens

    async def candles(self, token_id: str, parameters: Mapping[str, object]) -> Candles:
        """Return candles of a token. Raises ValueError for what is no id."""
        chain, colon, address = token_id.partition(":")
        if not (chain and colon and address):
            raise ValueError(f"not a token id: {token_id!r} (as in solana:So1Example)")
        path = f"/tokens/{quote(chain, safe='')}/{quote(address, safe='')}/candles"
        return await self._get(path, Candles, parameters)

    async def discover_at(self, parameters: Mapping[str, object]) -> PastList:
        """Return the list as it was."""
        return await self._get("/history/discover", PastList, parameters)

    async def health(self) -> dict[str, Any]:
        """Return `/health`; one that says `down` is an answer too."""
        response = await self._send("GET", "/health", {})
        if response.status_code not in {200, 503}:
            raise _problem(response)
        return _decode(response, dict[str, Any])

    async def ingest(
        self,
        tokens: Iterable[Mapping[str, object]],
        *,
        source: str,
        key: str | None,
        ack: bool,
        idempotency_key: str | None,
    ) -> Receipt:
        """Post readings of one's own."""
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        body = msgspec.json.encode({"source": source, "tokens": list(tokens)})
        parameters = {"ack": "commit" if ack else None}
        response = await self._send("POST", "/ingest", parameters, headers=headers, content=body)
        if response.status_code not in {200, 202}:
            raise _problem(response)
        return _decode(response, Receipt)

    async def _get(self, path: str, kind: type[T], parameters: Mapping[str, object]) -> T:
        response = await self._send("GET", path, parameters)
        if response.status_code != 200:
            raise _problem(response)
        return _decode(response, kind)

    async def _send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, object],
        **more: Any,  # noqa: ANN401 - httpx's own arguments
    ) -> httpx.Response:
        query = {name: _text(value) for name, value in parameters.items() if value is not None}
        try:
            return await self._http.request(method, self._url + path, params=query, **more)
        except httpx.InvalidURL as error:
            raise Unreachable(f"{self._url} is no address: {error}") from None
        except httpx.TimeoutException:
            raise Unreachable(f"{self._url} does not answer in time{self._through()}") from None
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise Unreachable(f"{self._url} does not answer{self._through()}: {why}") from None

    def _through(self) -> str:
        return through(self._url, os.environ)


def _text(value: object) -> str:
    """Return a parameter as the api reads it: numbers without exponents (1e-9, 5e6)."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{Decimal(repr(value)):f}"
    return str(value)


def _decode(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"{response.request.url} answers what it should not: {error}") from None


def _problem(response: httpx.Response) -> Problem:
    """Return the error that an answer is, whichever server on the way made it."""
    members: dict[str, object] = {}
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
        members = msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = _Problem(detail=response.text[:200] or response.reason_phrase)
    after = response.headers.get("Retry-After", "")
    return Problem(
        response.status_code,
        problem.code,
        problem.detail,
        param=problem.param,
        retry_after_s=float(after) if after.isdigit() else None,
        members=members,
    )
