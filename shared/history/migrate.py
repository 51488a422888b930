"""Brings a history's tables to this version, at the recorder's start and by command."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.errors import NewerHistory

_SCRIPTS: Final = Path(__file__).with_name("migrations")
_VERSION_TABLE: Final = "history_schema"
_LOCK: Final = 0x6465787769726501  # of PostgreSQL, so that two recorders do not migrate at once


async def migrate(engine: AsyncEngine) -> tuple[str | None, str]:
    """Make or change the tables in one transaction; return the revisions before and after.

    Raises NewerHistory for a database of a newer version; one of DATABASE_ERRORS.
    """
    async with engine.begin() as connection:
        return await connection.run_sync(_migrate)


def _migrate(connection: Connection) -> tuple[str | None, str]:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head() or ""
    before = revision_of(connection)
    if before is not None and before not in {each.revision for each in scripts.walk_revisions()}:
        raise NewerHistory(before)
    if before != newest:
        command.upgrade(config, newest)
    return before, newest


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database's tables; None: it has none."""
    options = {"version_table": _VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()
