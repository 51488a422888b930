"""All sockets of one gateway: who may come in, when they are served, how they are sent away."""

from __future__ import annotations

import asyncio
import math
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from dexwire.stream.closing import DRAIN
from dexwire.stream.limits import HEARTBEAT_MS
from services.ws.alert_history import AlertHistory
from services.ws.core.hub import SWEEP, Hub
from services.ws.core.limits import Patience
from services.ws.handshake import Refusal, new_protocol
from services.ws.settings import WsSettings
from services.ws.transport import GatewayConnection
from services.ws.watched import KNOWN_MOST
from shared.edge.client_address import Proxies, limit_key
from shared.edge.rates import Rates
from shared.process.listen import BACKLOG
from shared.process.logs import get_logger
from shared.process.loop_watch import LoopWatch
from shared.state.messages import Heartbeat
from shared.state.replica import Change

log = get_logger(__name__)

HEALTH_PATHS: Final = ("/livez", "/readyz", "/health")
_BEGINNING_MIN: Final = 64  # handshakes under way, however few connections there may be
_TICK_S: Final = HEARTBEAT_MS / 1000
_DRAIN_STEPS: Final = 100
_DRAIN_STEP_S: Final = 0.1
_RETRY_S: Final = (3, 8)  # when to come again where there is no room
_GOODBYE_S: Final = 2.5  # after the last close frame; then sockets are dropped


class Gateway:
    """The listening socket, its connections and the two loops that serve them.

    It is the feed's listener and the connections' `GatewayContext`.
    """

    def __init__(self, settings: WsSettings, hub: Hub, loop: LoopWatch | None = None) -> None:
        self.hub = hub
        self._loop = loop or LoopWatch()
        self.proxies = Proxies(settings.trusted_proxies)
        self.handshake_s = settings.ws_handshake_s
        self.patience = Patience(
            subscribe_s=settings.ws_subscribe_s,
            ping_s=settings.ws_ping_s,
            pong_s=settings.ws_pong_s,
            stall_s=settings.ws_stall_s,
        )
        self.connections: dict[GatewayConnection, None] = {}  # with a handshake behind them
        self._settings = settings
        self._per_address: Counter[str] = Counter()
        self._beginning: Counter[str] = Counter()  # handshakes under way, by peer
        self._all_beginning = 0
        self._handshakes = Rates(settings.ws_handshake_rate, settings.ws_handshake_burst)
        hub.snapshot_rates = Rates(settings.ws_snapshot_rate, settings.ws_snapshot_burst)
        self._news = asyncio.Event()
        self._news_s = 0.0  # when the oldest commit came in that the fan-out has not begun to send
        self.loads = asyncio.Event()  # the state was loaded; the alerts before it are not yet
        self._server: asyncio.Server | None = None
        self._started_s = asyncio.get_running_loop().time()
        self._draining = False
        self._empty = asyncio.Event()  # the last connection has gone

    # -- what the feed calls ----------------------------------------------------------------------
    def on_commit(self, change: Change) -> None:
        """Update the rooms, and wake the fan-out."""
        if not self._news.is_set():
            self._news_s = time.perf_counter()
        self.hub.on_commit(change)
        self._news.set()

    def on_reset(self) -> None:
        """Update the rooms, and wake the fan-out: snapshots are due."""
        self._news_s = time.perf_counter()
        self.hub.on_reset()
        self.loads.set()
        self._news.set()

    def on_history(self, history: AlertHistory | None) -> None:
        """Take the alerts that came before a load; None: the store cannot say."""
        if history is None:
            self.hub.alerts.give_up()
        else:
            self.hub.on_history(history.events, history.floor)
        self._news_s = time.perf_counter()
        self._news.set()

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Nothing changed; clients get our own heartbeat."""

    # -- what a connection asks -------------------------------------------------------------------
    def refusal(self, address: str) -> Refusal | None:
        """Return why no further connection is let in, if so."""
        later_s = random.randint(*_RETRY_S)  # or they all come back at once
        if self._draining or len(self.connections) >= self._settings.ws_max_connections:
            return Refusal(503, "server full", later_s)
        if self._per_address[address] >= self._settings.max_conns_per_address:
            return Refusal(429, "too many connections from this address", later_s)
        wait_s = self._handshakes.wait_s(address, asyncio.get_running_loop().time())
        if wait_s:
            return Refusal(429, "too many new connections from this address", math.ceil(wait_s))
        return None

    def health(self, path: str) -> tuple[int, Mapping[str, Any]] | None:
        """Answer `/livez`, `/readyz` and `/health`."""
        state: str = self.hub.status
        if path == "/livez":
            return 200, {"status": "ok"}
        if path == "/readyz":
            state = "draining" if self._draining else "stuck" if self._loop.stuck_s else state
            ready = state == "live"
            return (200 if ready else 503), {"status": "ready" if ready else state}
        if path != "/health":
            return None
        status = {"live": "ok", "stale": "degraded", "resync": "down"}[state]
        replica = self.hub.replica
        uptime_s = asyncio.get_running_loop().time() - self._started_s
        return (503 if status == "down" else 200), {
            "status": status,
            "uptime": round(uptime_s, 1),
            "token_count": len(replica.rows),
            "epoch": replica.epoch,
            "version": replica.version,
            "data_age_ms": self.hub.world.age_ms(),
            "connections": len(self.connections),
            "demo": self._settings.demo,
        }

    def handshake_began(self, peer: str) -> Refusal | None:
        """Count a handshake that is under way; return why it is one too many, if it is."""
        key = limit_key(peer)
        self._beginning[key] += 1
        self._all_beginning += 1
        if self._all_beginning > max(self._settings.ws_max_connections, _BEGINNING_MIN):
            return Refusal(503, "server full", random.randint(*_RETRY_S))
        allowed = self._settings.max_conns_per_address
        if self._beginning[key] <= allowed or self.proxies.trusts(peer):
            return None
        return Refusal(429, "too many handshakes under way", random.randint(*_RETRY_S))

    def handshake_ended(self, peer: str) -> None:
        """Uncount a handshake: it is done, refused or given up."""
        key = limit_key(peer)
        self._beginning[key] -= 1
        self._all_beginning -= 1
        if not self._beginning[key]:
            del self._beginning[key]

    def watched(self) -> dict[str, dict[str, None]]:
        """Return the ids of tokens that clients listen to by name, by client address."""
        found: dict[str, dict[str, None]] = {}
        for connection in self.connections:
            if connection.session is None:
                continue
            ids = found.setdefault(connection.address, {})
            if len(ids) >= KNOWN_MOST:
                continue
            for room in connection.session.member.topics.rooms:
                ids.update(dict.fromkeys(room.view.topic.tokens))
        return found

    def opened(self, connection: GatewayConnection) -> None:
        """Count a connection."""
        self.hub.counts.opened += 1
        self.connections[connection] = None
        self._per_address[connection.address] += 1

    def closed(self, connection: GatewayConnection) -> None:
        """Uncount a connection."""
        self.hub.counts.closed[connection.close_code] += 1
        self._add_traffic(connection)
        del self.connections[connection]
        self._per_address[connection.address] -= 1
        if not self._per_address[connection.address]:
            del self._per_address[connection.address]
        if not self.connections:
            self._empty.set()

    def turned_away(self, path: str, status: int) -> None:
        """Count a refused handshake."""
        if path.partition("?")[0] not in HEALTH_PATHS:
            self.hub.counts.refused[str(status)] += 1

    def _add_traffic(self, connection: GatewayConnection) -> None:
        writes, size = connection.take_traffic()
        self.hub.counts.writes += writes
        self.hub.counts.written_bytes += size

    # -- running ----------------------------------------------------------------------------------
    async def serve(self, sock: socket.socket) -> None:
        """Take connections on a listening socket, until `drain`."""
        self._server = await asyncio.get_running_loop().create_server(
            self._accept, sock=sock, backlog=BACKLOG
        )

    async def fan_out(self) -> None:
        """Serve everyone after each commit; cancel it to end."""
        while True:
            await self._news.wait()
            self._news.clear()
            received_s, began_s = self._news_s, time.perf_counter()
            await _in_turns(self.hub.sweep())
            now_s, counts = time.perf_counter(), self.hub.counts
            counts.sweep_s.observe(now_s - began_s)
            counts.sent_s.observe(now_s - received_s)

    async def tick(self) -> None:
        """Once a second: heartbeats and deadlines; cancel it to end."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s = max(due_s + _TICK_S, loop.time())
            await asyncio.sleep(due_s - loop.time())
            await _in_turns(self.hub.beat())
            await _in_turns(self._check_all())

    async def drain(self) -> None:
        """Send everyone away: a word first, then close frames spread over the drain time."""
        self._draining = True
        self._empty.clear()
        if self._server is not None:
            self._server.close()
        leaving = list(self.connections)
        for connection in leaving:
            if connection.session is not None:
                connection.session.bye()
        steps = min(_DRAIN_STEPS, len(leaving))
        pause_s = min(_DRAIN_STEP_S, self._settings.ws_drain_s / _DRAIN_STEPS)
        for step in range(steps):
            for connection in leaving[step::steps]:
                connection.close(DRAIN)
            await asyncio.sleep(pause_s)
        if self.connections:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await self._empty.wait()
        for connection in list(self.connections):
            connection.abort()

    def _accept(self) -> GatewayConnection:
        settings = self._settings
        ws = new_protocol(
            settings.ws_origins,
            require_origin=settings.ws_require_origin,
            deflate=settings.ws_compression,
        )
        return GatewayConnection(self, ws)

    def _check_all(self) -> Iterator[None]:
        now_s = asyncio.get_running_loop().time()
        unsent = paused = 0
        for number, connection in enumerate(tuple(self.connections), start=1):
            connection.check(now_s)
            if connection in self.connections:
                self._add_traffic(connection)
                unsent += connection.unsent
                paused += connection.paused
            if number % SWEEP == 0:
                yield
        self.hub.counts.unsent_bytes, self.hub.counts.paused = unsent, paused


async def _in_turns(work: Iterator[None]) -> None:
    """Do a piece of work, letting the loop turn wherever it pauses."""
    for _ in work:
        await asyncio.sleep(0)
