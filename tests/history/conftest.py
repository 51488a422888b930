"""Histories on both engines: `history_url` is an empty database, `engine` one with its tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.history.engine import open_engine
from shared.history.migrate import migrate
from tests.testkit.postgres import empty_history


@pytest.fixture(params=["sqlite", "postgresql"])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return empty_history(request, tmp_path)


@pytest.fixture
async def engine(history_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(history_url, writes=True)
    await migrate(engine)
    yield engine
    await engine.dispose()
