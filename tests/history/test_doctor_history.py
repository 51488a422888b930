"""What the doctor says of the history."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from dexwire.runfile import Running
from dexwire.server.doctor.history import history
from dexwire.server.settings import UpSettings
from tests.testkit.history import MS0, record
from tests.testkit.process import Process

RUNNING = Running(pid=1, redis_url="", redis_prefix="", api="", ws="", demo=False)


def naming(url: str) -> UpSettings:
    return UpSettings(history_url=SecretStr(url))


async def test_it_says_how_far_a_history_is_recorded(engine: AsyncEngine, history_url: str) -> None:
    assert (await history(naming(history_url), None)).verdict == "warn"  # nothing yet
    await record(engine, at_ms=MS0)
    assert (await history(naming(history_url), None)).verdict == "ok"
    late = await history(naming(history_url), RUNNING)
    assert (late.verdict, "recorded up to" in late.seen) == ("warn", True)


async def test_it_names_what_is_wrong_with_the_database(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite"
    file.write_bytes(b"no database at all, and long enough to be read as one" * 90)
    found = await history(naming(f"sqlite:///{file}"), None)
    assert found.verdict == "fail"
    assert "the file is no SQLite database" in found.seen


async def test_no_history_is_fine() -> None:
    assert (await history(UpSettings(history="off"), None)).seen == "off"
    assert (await history(UpSettings(), None)).verdict == "ok"


def test_the_tables_are_made_by_command(spawn_dexwire: object, history_url: str) -> None:
    made = spawn_dexwire("history", "migrate", "--url", history_url)  # type: ignore[operator]
    assert isinstance(made, Process)
    assert made.wait(30) == 0
    assert "no tables -> 0001" in made.output()
    again = spawn_dexwire("history", "migrate", env={"HISTORY_URL": history_url})  # type: ignore[operator]
    assert again.wait(30) == 0
    assert "is at revision 0001 already" in again.output()
