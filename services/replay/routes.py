"""Three upstream APIs under three path prefixes: who answers which path."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from services.replay import dexscreener, geckoterminal, jupiter
from services.replay.answers import ErrorAnswer
from services.replay.market.market import Market, MarketSnapshot
from services.replay.settings import ReplaySettings

RECORDED: Final = Path(__file__).parent / "recorded"
_GECKO: Final = "/geckoterminal/api/v2"

Answer = Callable[[MarketSnapshot, Request], Any]


def load_payloads(folder: Path = RECORDED) -> dict[str, Any]:
    """Return the recorded bodies: path below the folder, as `dexscreener/….json` → decoded."""
    paths = sorted(folder.glob("*/*.json"))
    return {
        path.relative_to(folder).as_posix(): msgspec.json.decode(path.read_bytes())
        for path in paths
    }


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:  # noqa: ANN401 - JSON
    content = msgspec.json.encode(body)
    return Response(content, status, headers, "application/json; charset=utf-8")


def _refusal(path: str, error: ErrorAnswer) -> Response:
    """Return an error as the API that was called writes it."""
    if path.startswith("/geckoterminal"):
        errors = [{"status": str(error.status), "title": str(error)}]
        return _json({"errors": errors}, error.status)
    if path.startswith("/jupiter"):
        return _json({"code": error.status, "message": str(error)}, error.status)
    return _json({"error": str(error)}, error.status)


class _Shell:
    """Gives each route the market of the moment; the only place that knows the time."""

    def __init__(self, settings: ReplaySettings, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._now_ms = now_ms
        self._latency_s = settings.replay_latency_ms / 1000
        self.market = Market(settings.replay_seed, load_payloads(), settings.replay_tokens)
        self._calls: Counter[str] = Counter()  # by source and kind, as in "dexscreener/tokens"

    def route(self, path: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            self._calls.update(_kinds(request.url.path, path))
            if self._latency_s:
                await asyncio.sleep(self._latency_s)
            now_ms = self._now_ms()
            whole_path = request.url.path
            try:
                response = _json(answer(self.market.at(now_ms), request))
            except ErrorAnswer as error:
                response = _refusal(whole_path, error)
            if whole_path.startswith("/jupiter"):
                response.headers.update(jupiter.rate_headers(now_ms))
            return response

        return Route(path, endpoint)

    def health(self, _: MarketSnapshot, __: Request) -> dict[str, Any]:
        seed, size = self._settings.replay_seed, self.market.size
        calls = dict(self._calls)
        return {"status": "ok", "replay": True, "seed": seed, "tokens": size, "calls": calls}


def _kinds(whole_path: str, path: str) -> list[str]:
    """Return what a call is counted as: the API and the first word of its path there."""
    if whole_path == path:
        return []  # our own
    return [f"{whole_path.split('/')[1]}/{path.split('/')[1]}"]


def _path(request: Request, name: str) -> str:
    return str(request.path_params[name])


def _query(request: Request, name: str, default: str = "") -> str:
    return request.query_params.get(name, default)


def _dexscreener(shell: _Shell) -> list[Route]:
    source = dexscreener
    table: dict[str, Answer] = {
        "/token-profiles/latest/v1": lambda s, _: source.profiles(s),
        "/token-boosts/latest/v1": lambda s, _: source.boosts(s, top=False),
        "/token-boosts/top/v1": lambda s, _: source.boosts(s, top=True),
        "/tokens/v1/{chain}/{ids}": lambda s, r: source.tokens(
            s, _path(r, "chain"), _path(r, "ids")
        ),
        "/token-pairs/v1/{chain}/{id}": lambda s, r: source.token_pairs(
            s, _path(r, "chain"), _path(r, "id")
        ),
        "/latest/dex/search": lambda s, r: source.search(s, _query(r, "q")),
        "/latest/dex/tokens/{ids}": lambda s, r: source.latest_tokens(s, _path(r, "ids")),
    }
    return [shell.route(path, answer) for path, answer in table.items()]


def _jupiter(shell: _Shell) -> list[Route]:
    source = jupiter
    table: dict[str, Answer] = {
        "/tokens/v2/recent": lambda s, _: source.recent(s),
        "/tokens/v2/search": lambda s, r: source.search(s, _query(r, "query")),
        "/tokens/v2/{category}/{window}": lambda s, r: source.category(
            s, _path(r, "category"), _path(r, "window"), _query(r, "limit", "50")
        ),
        "/price/v3": lambda s, r: source.prices(s, _query(r, "ids")),
    }
    return [shell.route(path, answer) for path, answer in table.items()]


def _geckoterminal(shell: _Shell) -> list[Route]:
    source = geckoterminal

    def listing(answer: Callable[[MarketSnapshot, str, str, str], Any]) -> Answer:
        return lambda s, r: answer(
            s,
            r.path_params.get("net", source.EVERYWHERE),
            _query(r, "page", "1"),
            _query(r, "include"),
        )

    table: dict[str, Answer] = {
        "/networks/trending_pools": listing(source.trending),
        "/networks/new_pools": listing(source.new_pools),
        "/networks/{net}/trending_pools": listing(source.trending),
        "/networks/{net}/new_pools": listing(source.new_pools),
        "/networks/{net}/pools": listing(source.top_pools),
        "/networks/{net}/tokens/multi/{ids}": lambda s, r: source.tokens(
            s, _path(r, "net"), _path(r, "ids"), _query(r, "include")
        ),
        "/networks/{net}/pools/{pool}/ohlcv/{timeframe}": lambda s, r: source.ohlcv(
            s,
            _path(r, "net"),
            _path(r, "pool"),
            {**r.query_params, "timeframe": _path(r, "timeframe")},
        ),
        "/networks/{net}/tokens/{id}/pools": lambda s, r: source.token_pools(
            s, _path(r, "net"), _path(r, "id"), _query(r, "page", "1"), _query(r, "include")
        ),
        "/networks/{net}/tokens/{id}": lambda s, r: source.token(
            s, _path(r, "net"), _path(r, "id"), _query(r, "include")
        ),
    }
    return [shell.route(path, answer) for path, answer in table.items()]


async def _not_found(request: Request, _: Exception) -> Response:
    return _refusal(request.url.path, ErrorAnswer(404, "Not Found"))


def build_app(settings: ReplaySettings, now_ms: Callable[[], int]) -> Starlette:
    """Return the application; `now_ms` is its only clock, `state.market` what it answers from."""
    shell = _Shell(settings, now_ms)
    app = Starlette(
        routes=[
            shell.route("/health", shell.health),
            Mount("/dexscreener", routes=_dexscreener(shell)),
            Mount("/jupiter", routes=_jupiter(shell)),
            Mount(_GECKO, routes=_geckoterminal(shell)),
        ],
        exception_handlers={404: _not_found},
    )
    app.state.market = shell.market
    return app
