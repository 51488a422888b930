"""Readers that never read beside readers that do: what they hold, and what the others feel.

In short form by default; `make crowd` (CHAOS=full) is the long one, with its bound on latency.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from statistics import quantiles

import pytest

from dexwire.stream.closing import Closing
from services.ws.transport import GatewayConnection
from tests.testkit.commits import Writer, token
from tests.testkit.gateway import LocalGateway, RawSocket, StartGateway, beats, joined
from tests.testkit.wait import eventually

FULL = os.environ.get("CHAOS") == "full"
HEALTHY, STUCK = (200, 20) if FULL else (20, 4)
SECONDS = 25 if FULL else 4  # of each part
STALL_S = 8 if FULL else 1.5
EVERY_S = 0.2
SLOWER = 1.2 if FULL else 3.0  # p99 with stuck readers, of that without; a short one says little
KIB = 1024
_VERSION = re.compile(r'"v":(\d+)')


class Crowd:
    """Healthy readers of one topic, and how long each commit took to reach each of them."""

    def __init__(self, gateway: LocalGateway) -> None:
        self.gateway = gateway
        self.sent_s: dict[int, float] = {}
        self.waits_s: list[float] = []
        self.snaps = 0

    async def read(self) -> None:
        async with joined(f"{self.gateway.url}?topics=all") as socket:
            async for text in socket:
                head = str(text[:120])
                if head.startswith('{"t":"snap"'):
                    self.snaps += 1
                found = _VERSION.search(head)
                if head.startswith('{"t":"d"') and found:
                    self.waits_s.append(time.perf_counter() - self.sent_s[int(found[1])])

    @contextlib.asynccontextmanager
    async def gathered(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.read()) for _ in range(HEALTHY)]
        await eventually(lambda: self.snaps == HEALTHY, timeout_s=30)
        try:
            yield
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def p99_ms(self, writer: Writer) -> float:
        """Trade for a while; return the 99th percentile of what it took to arrive."""
        dice, self.waits_s = random.Random(5), []
        until_s = time.monotonic() + SECONDS
        while time.monotonic() < until_s:
            self.sent_s[writer.ledger.version + 1] = time.perf_counter()
            put = [token(f"T{n}", text=dice.randbytes(300).hex()) for n in range(20)]
            await writer.commit({ident: row for one in put for ident, row in one.items()})
            await asyncio.sleep(EVERY_S)
        return 1000 * quantiles(self.waits_s, n=100)[98]


@pytest.mark.alone
@pytest.mark.timeout(240)
async def test_readers_that_never_read_harm_nobody_else(
    start_gateway: StartGateway, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: Counter[int] = Counter()
    close = GatewayConnection.close

    def counted(self: GatewayConnection, closing: Closing) -> None:
        codes[closing.code] += 1
        close(self, closing)

    monkeypatch.setattr(GatewayConnection, "close", counted)
    await writer.commit(token("T0", text=""))
    gateway = await start_gateway(ws_stall_s=STALL_S, max_conns_per_address=1_000)
    crowd, most_unsent = Crowd(gateway), 0

    async def weigh() -> None:
        nonlocal most_unsent
        while True:
            most_unsent = max([most_unsent, *(socket.unsent for socket in gateway.sockets)])
            await asyncio.sleep(0.02)

    async with beats(writer), crowd.gathered(), contextlib.AsyncExitStack() as until_the_end:
        alone_ms = await crowd.p99_ms(writer)
        for _ in range(STUCK):
            raw = await until_the_end.enter_async_context(RawSocket(gateway.port, rcvbuf=4096))
            await raw.upgrade()
            raw.send(0x1, b'{"op":"sub","topics":["all"]}')
        weighing = asyncio.create_task(weigh())
        beside_ms = await crowd.p99_ms(writer)
        await eventually(lambda: len(gateway.sockets) == HEALTHY, timeout_s=4 * STALL_S + 20)
        weighing.cancel()
        found = dict(codes)

    print(
        f"{HEALTHY} readers: p99 {alone_ms:.1f} ms alone, {beside_ms:.1f} ms beside {STUCK} that "
        f"never read; at most {most_unsent / KIB:.1f} KiB unsent; closed {found}"
    )
    assert found == {4003: STUCK}
    assert most_unsent <= 80 * KIB
    assert beside_ms <= SLOWER * alone_ms + (0 if FULL else 50)
