"""Waits for the replayed market, which may be started at the same moment and come up later."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

LONGEST_S: Final = 10.0  # then calls begin, and say why they fail
_EACH_S: Final = 0.05


async def wait_for_replay(url: str) -> None:
    """Return once the replayed market listens, after LONGEST_S in any case.

    Calls before that fail after all their attempts, and a source is `degraded` for as long as they
    are among its latest calls.
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_S):
            while not await _listens(parts.hostname or "", port):  # noqa: ASYNC110 - sets no event
                await asyncio.sleep(_EACH_S)


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
