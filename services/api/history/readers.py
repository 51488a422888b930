"""All that reads the history's database. Imported when it is first read: see `database`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.history.as_of import PastList
from shared.history.engine import DATABASE_ERRORS, open_engine, reason
from shared.history.lookups import Lookups
from shared.history.reader import Reader


@dataclass(frozen=True, slots=True)
class Readers:
    """What reads the database."""

    engine: AsyncEngine
    reader: Reader
    past: PastList
    lookups: Lookups
    errors: tuple[type[BaseException], ...] = DATABASE_ERRORS

    @staticmethod
    def reason(error: BaseException) -> str:
        """Return what is wrong with the database, in a few words."""
        return reason(error)


def open_readers(address: str) -> Readers:
    """Open a history to read it; nothing is connected yet."""
    engine = open_engine(address, writes=False)
    return Readers(engine, Reader(engine), PastList(engine), Lookups(engine))
