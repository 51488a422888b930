"""Histories on both engines: `history_url` is an empty database, `engine` one with its tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.history.engine import open_engine
from shared.history.migrate import migrate
from tests.testkit.postgres import make_database, postgres_databases


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with postgres_databases() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/history.sqlite"
    return make_database(request.getfixturevalue("postgres"))


@pytest.fixture
async def engine(history_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(history_url, writes=True)
    await migrate(engine)
    yield engine
    await engine.dispose()
