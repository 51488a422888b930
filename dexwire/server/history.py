"""`dexwire history migrate`: the tables of the history, made or brought to this version."""

from __future__ import annotations

import asyncio
import logging

from dexwire.runfile import DEFAULT_FOLDER, find_running
from shared.errors import ConfigError, StoreError
from shared.history.engine import (
    DATABASE_ERRORS,
    history_url,
    open_engine,
    public_history_url,
    reason,
)
from shared.history.migrate import migrate
from shared.history.settings import HistorySettings
from shared.process.settings import read_settings


def start_migrate(url: str | None) -> int:
    """Migrate the history that the settings name, or this one. Raises PipelineError."""
    address = find_history(url)
    try:
        history_url(address)
    except ValueError as error:
        raise ConfigError(f"HISTORY_URL: {error}") from None
    logging.getLogger("alembic").setLevel(logging.WARNING)
    before, after = asyncio.run(_migrate(address))
    shown = public_history_url(address)
    if before == after:
        print(f"{shown} is at revision {after} already")
    else:
        print(f"{shown}: {before or 'no tables'} -> {after}")
    return 0


def find_history(url: str | None) -> str:
    """Return the database that a command reads: this one, that of the settings, or of what runs.

    Raises ConfigError.
    """
    address = url or read_settings(HistorySettings).history_address
    running = None if address else find_running(DEFAULT_FOLDER)
    if running is not None:
        address = running.history_url
    if not address:
        raise ConfigError(
            "HISTORY_URL: not set, and nothing that runs here keeps a history; "
            "name the database with --url"
        )
    return address


async def _migrate(address: str) -> tuple[str | None, str]:
    engine = open_engine(address, writes=True)
    try:
        return await migrate(engine)
    except DATABASE_ERRORS as error:
        raise StoreError(f"{public_history_url(address)}: {reason(error)}") from None
    finally:
        await engine.dispose()
