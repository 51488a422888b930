"""`/health` for people and dashboards, `/livez` and `/readyz` for supervisors and proxies."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from services.api.discover.query import parse_parameters
from services.api.history.database import History
from services.api.history.status import HistoryStatusReader
from services.api.live import Live
from services.api.sources import why_nothing_comes
from shared.edge.http.answer import Answer, json_answer
from shared.edge.http.problem import Problem
from shared.edge.http.storage import WARMING_DETAIL, storage
from shared.keys import SILENCE_S, Keys
from shared.process.flights import Flights
from shared.process.loop_watch import LoopWatch
from shared.redis.connect import Redis
from shared.sources import POLLED

HEALTH_S: Final = 0.8  # a hanging store must not make its own diagnosis hang
_REFUSED: Final = "refused:"
# Everything else in a source's hash is a number.
_TEXTS: Final = ("state", "last_error", "delivery_error")


class Health:
    """What is known about the whole pipeline, from what it leaves in the store."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        live: Live,
        history: History | None = None,
        *,
        demo: bool,
    ) -> None:
        self._history = HistoryStatusReader(history or History(""))
        self._redis: Any = redis  # its reply types name every way of decoding
        self._keys = keys
        self._live = live
        self._demo = demo
        self._started = time.monotonic()
        self._flights: Flights[None, dict[str, Any]] = Flights()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 while the store answers, else 503."""
        parse_parameters(scope["query_string"], ())
        report = await self._flights.share(None, self._report)
        status = 503 if report["status"] == "down" else 200
        await json_answer(status, report)(scope, receive, send)

    async def _report(self) -> dict[str, Any]:
        head = {"uptime": round(time.monotonic() - self._started, 1), "demo": self._demo}
        started = time.monotonic()
        try:
            async with storage(HEALTH_S):
                time_us, meta, info, *sources = await self._read()
        except Problem as problem:
            return {"status": "down", **head, "redis": {"ok": False, "error": problem.code}}
        latency_ms = round((time.monotonic() - started) * 1000, 1)
        now_ms = int(time_us[0]) * 1000 + int(time_us[1]) // 1000
        state = {k.decode(): v.decode() for k, v in meta.items()}
        known = bool(state.get("epoch"))
        reports = {
            name: _source(status, now_ms) for name, status in zip(POLLED, sources, strict=True)
        }
        reason = self._reason(state, reports)
        return {
            "status": "ok" if reason is None else "degraded",
            **({} if reason is None else {"reason": reason[0], "detail": reason[1]}),
            **head,
            "token_count": int(state["tokens"]) if known else 0,
            "chains": self._live.replica.orders.chain_counts(),
            "epoch": state["epoch"] if known else None,
            "version": int(state["version"]) if known else None,
            "data_age_ms": _age_ms(now_ms, int(state["committed_ms"])) if known else None,
            "warming": not known or bool(state["seeding"]),
            "sources": reports,
            "history": await self._history.read(now_ms),
            "redis": {
                "ok": True,
                "latency_ms": latency_ms,
                "version": info.get("valkey_version") or info.get("redis_version"),
                "used_memory": info.get("used_memory"),
                "maxmemory": info.get("maxmemory"),
            },
        }

    async def _read(self) -> Any:  # noqa: ANN401 - one reply per command
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.hgetall(self._keys.meta)
        pipe.info()
        for name in POLLED:
            pipe.hgetall(self._keys.fetch_status(name))
        return await pipe.execute()

    def _reason(self, state: dict[str, str], sources: dict[str, Any]) -> tuple[str, str] | None:
        """Return why not everything is well, for programs and for people; None: it is."""
        reason = why_nothing_comes(sources)
        if reason is not None:
            return reason
        if not state.get("epoch") or state["seeding"]:
            return "warming", WARMING_DETAIL
        if self._live.feed.silent_s > SILENCE_S:
            return "stale", _silence(self._live.feed.silent_s)
        ailing = [name for name, s in sources.items() if s["state"] in {"degraded", "down"}]
        return ("source", f"{', '.join(ailing)}: calls fail") if ailing else None


def _age_ms(now_ms: int, then_ms: int) -> int | None:
    """Return an age; a time that is not there, which is stored as 0, has none."""
    return max(0, now_ms - then_ms) if then_ms > 0 else None


def _silence(silent_s: float) -> str:
    return f"no heartbeat for {silent_s:.0f} s" if math.isfinite(silent_s) else "no heartbeat yet"


def _source(status: dict[bytes, bytes], now_ms: int) -> dict[str, Any]:
    """Return what is shown of a source: its hash with numbers as numbers, and the data's age."""
    shown: dict[str, Any] = {"state": "unknown"}
    refused: dict[str, int] = {}
    for raw_name, raw_value in status.items():
        name, value = raw_name.decode("ascii", "replace"), raw_value.decode("utf-8", "replace")
        number = int(value) if value.isascii() and value.isdigit() else None
        if name in _TEXTS:
            number = None
        if name == "delivery_error" and not value:
            continue
        if name.startswith(_REFUSED):
            refused[name.removeprefix(_REFUSED)] = number or 0
        else:
            shown[name] = value if number is None else number
    age_ms = _age_ms(now_ms, shown.get("last_ok_ms") or 0)
    if age_ms is not None:
        shown["age_ms"] = age_ms
    if refused:
        shown["refused"] = refused
    return shown


class Livez:
    """The event loop turns; nothing else is checked, so it answers whatever else is wrong."""

    _ALIVE: Final = Answer(200, b'{"status":"alive"}')

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._ALIVE(scope, receive, send)


class Readyz:
    """Whether to send requests here: the store answers, the data is complete and fresh."""

    def __init__(
        self, redis: Redis, live: Live, loop: LoopWatch, draining: Callable[[], bool]
    ) -> None:
        self._redis: Any = redis
        self._live = live
        self._loop = loop
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200, or 503 with the reason."""
        reason = await self._reason()
        if reason is not None:
            raise Problem(503, reason[0], reason[1], retry_after_s=1)
        await json_answer(200, {"status": "ready"})(scope, receive, send)

    async def _reason(self) -> tuple[str, str] | None:
        if self._draining():
            return "draining", "this process is about to stop"
        if stuck_s := self._loop.stuck_s:
            return "stuck", f"the event loop stood still for {stuck_s:.1f} s"
        async with storage(HEALTH_S):
            await self._redis.ping()
        feed = self._live.feed
        if not feed.loaded.is_set() or self._live.replica.seeding:
            return "warming", WARMING_DETAIL
        if feed.silent_s > SILENCE_S:
            return "stale", _silence(feed.silent_s)
        return None
