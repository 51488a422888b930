"""Opens the history's database: SQLite in WAL by default, PostgreSQL by its address.

Nothing else opens it. Whatever goes wrong with it is one of DATABASE_ERRORS, and `reason` says it
in words for people.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, Final

import aiosqlite
import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from shared.errors import NewerHistory
from shared.history.address import driver_of

LOCK_S: Final = 2.0  # how long a statement waits for another writer of SQLite
CONNECT_S: Final = 3.0
STATEMENT_S: Final = 30.0
_READ_MS: Final = 10_000  # the longest that a reader's statement may take in PostgreSQL
_READERS: Final = 4  # connections
_WAL_KEEP_BYTES: Final = 64 << 20

# What a database may raise. asyncpg's and the system's errors come through where it cannot be
# reached at all.
DATABASE_ERRORS: Final = (
    SQLAlchemyError, OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError,
)  # fmt: skip


def history_url(text: str) -> URL:
    """Return the address of a history. Raises ValueError for one that is none."""
    driver = driver_of(text)
    try:
        return make_url(text).set(drivername=driver)
    except ArgumentError:
        raise ValueError("must look like sqlite:///path or postgresql://host/name") from None


def public_history_url(text: str) -> str:
    """Return an address as logs may show it."""
    return history_url(text).render_as_string(hide_password=True)


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a history in SQLite."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def open_engine(text: str, *, writes: bool) -> AsyncEngine:
    """Open a history; nothing is connected yet. A reader makes no file and changes nothing."""
    url = history_url(text)
    if (file := sqlite_file(url)) is not None:
        return _open_sqlite(file, writes=writes)
    settings = {"application_name": "dexwire", "jit": "off"}
    if not writes:
        settings |= {"default_transaction_read_only": "on", "statement_timeout": str(_READ_MS)}
    return create_async_engine(
        url,
        pool_size=1 if writes else _READERS,
        max_overflow=1 if writes else 0,
        pool_timeout=CONNECT_S,
        pool_pre_ping=True,
        connect_args={
            "timeout": CONNECT_S,
            "command_timeout": STATEMENT_S,
            "server_settings": settings,
        },
    )


def _open_sqlite(file: Path, *, writes: bool) -> AsyncEngine:
    mode = "rwc" if writes else "rw"  # a reader of WAL writes its lock file
    engine = create_async_engine(
        URL.create(
            "sqlite+aiosqlite",
            database=f"file:{_escaped(file)}",
            query={"mode": mode, "uri": "true"},
        ),
        pool_size=1 if writes else _READERS,
        max_overflow=0,
        pool_timeout=CONNECT_S,
        connect_args={"timeout": LOCK_S, "async_creator_fn": _connect_sqlite},
    )
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401 - the driver's
        connection.isolation_level = None  # transactions are ours: see on_begin
        cursor = connection.cursor()
        for pragma in _pragmas(writes=writes):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


async def _connect_sqlite(*args: Any, **options: Any) -> aiosqlite.Connection:  # noqa: ANN401
    """Open a file. The library leaves its thread at work when it cannot: wait until it ended."""
    connection = aiosqlite.connect(*args, **options)
    thread = connection._thread  # noqa: SLF001 - as SQLAlchemy does, so that it ends with us
    thread.daemon = True
    try:
        return await connection
    except BaseException:
        while thread.is_alive():  # noqa: ASYNC110 - a thread sets no event of ours
            await asyncio.sleep(0.001)
        raise


def _escaped(file: Path) -> str:
    return str(file).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _pragmas(*, writes: bool) -> list[str]:
    if not writes:
        return ["query_only=ON", "cache_size=-16384"]
    return [
        "auto_vacuum=INCREMENTAL",  # before the first table: what is dropped goes back to the disk
        "journal_mode=WAL",
        # A crash of the machine may lose the last transactions, never tear one: position and
        # candles go back together, and what they lack is read from the log once more.
        "synchronous=NORMAL",
        f"journal_size_limit={_WAL_KEEP_BYTES}",
        "cache_size=-32768",
    ]


def reason(error: BaseException) -> str:
    """Return what is wrong with a database in a few words, without addresses or statements."""
    if isinstance(error, NewerHistory):
        return str(error)
    cause = getattr(error, "orig", None) or error
    text = f"{cause}".lower()
    for sign, words in _REASONS:
        if sign in text:
            return words
    if isinstance(cause, TimeoutError):
        return "the database does not answer"
    if isinstance(cause, ConnectionError):
        return "the database cannot be reached"
    return f"{type(cause).__name__}: {cause}".replace("\n", " ")[:160]


_REASONS: Final = (
    ("no space left", "the disk is full"),
    ("disk is full", "the disk is full"),
    ("read-only transaction", "the database is read-only"),
    ("readonly database", "the database is read-only"),
    ("is locked", "the database is locked"),
    ("malformed", "the database file is damaged"),
    ("not a database", "the file is no SQLite database"),
    ("unable to open database file", "there is no database file, or it cannot be opened"),
    ("no such table", "the database has no tables yet: the recorder makes them"),
    ("undefinedtable", "the database has no tables yet: the recorder makes them"),
    ("disk i/o error", "the disk cannot be read or written"),
    ("password authentication failed", "the database refuses the user or its password"),
    ("connection refused", "the database cannot be reached"),
    ("connect call failed", "the database cannot be reached"),
    ("the database system is", "the database is starting or stopping"),
    ("connection was closed", "the database closed the connection"),
    ("connection is closed", "the database closed the connection"),
)
