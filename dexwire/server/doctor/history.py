"""Looks at the history: whether its database can be read, and how far it is recorded."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from dexwire.runfile import DEFAULT_FOLDER, Running
from dexwire.server.doctor.result import Result, fail, ok, warn
from dexwire.server.settings import UpSettings
from dexwire.server.up.leftovers import HISTORY_FILE
from shared.history.answers import BEHIND_MS, HistoryStatus
from shared.history.engine import DATABASE_ERRORS, open_engine, public_history_url, reason
from shared.history.reader import Reader

_ANSWER_S: Final = 5.0
_CHECK: Final = "history"
_FIX: Final = "see docs/OPERATIONS.md, The history is behind"


async def history(up: UpSettings, running: Running | None) -> Result:
    """Judge the history that the settings name, that of what runs here, or of the data folder."""
    if up.history == "off":
        return ok(_CHECK, "off")
    address = up.history_address or (running.history_url if running is not None else "")
    if not address:
        file = (up.data_dir or DEFAULT_FOLDER) / HISTORY_FILE
        if not file.exists():
            return ok(_CHECK, "HISTORY_URL is not set: `dexwire up` keeps a file of its own")
        address = f"sqlite:///{file.absolute()}"
    shown = public_history_url(address)
    engine = open_engine(address, writes=False)
    try:
        async with asyncio.timeout(_ANSWER_S):
            return _judge(shown, await Reader(engine).status(), running)
    except (*DATABASE_ERRORS, TimeoutError) as error:
        return fail(_CHECK, f"{shown}: {reason(error)}", _FIX)
    finally:
        await engine.dispose()


def _judge(shown: str, found: HistoryStatus, running: Running | None) -> Result:
    rows = sum(tier.rows for tier in found.tiers.values())
    seen = f"{shown}: {rows} candles, {found.bytes / 2**20:.0f} MiB"
    if not found.at_ms:
        return warn(_CHECK, f"{shown}: nothing is recorded yet", "start `dexwire recorder`")
    late_s = time.time() - found.at_ms / 1000
    if running is not None and late_s * 1000 > BEHIND_MS:
        return warn(_CHECK, f"{seen}, recorded up to {late_s:.0f} s ago", _FIX)
    return ok(_CHECK, f"{seen}, recorded up to {max(0.0, late_s):.0f} s ago")
