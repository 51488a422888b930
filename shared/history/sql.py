"""Where the SQL of SQLite and PostgreSQL differs: lists of integers, and used space."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import ARRAY, BigInteger, ColumnElement, bindparam, func, select, text
from sqlalchemy import any_ as any_of
from sqlalchemy.ext.asyncio import AsyncConnection


def is_among(
    connection: AsyncConnection, column: ColumnElement[int], name: str
) -> ColumnElement[bool]:
    """Return the condition that a column is one of many integers, bound under a name.

    As one parameter: thousands of them would have to be parsed each time.
    """
    if connection.dialect.name == "postgresql":
        return column == any_of(bindparam(name, type_=ARRAY(BigInteger)))
    return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))


def among(connection: AsyncConnection, values: Iterable[int]) -> object:
    """Return what is bound under that name."""
    numbers = list(values)
    if connection.dialect.name == "postgresql":
        return numbers
    return msgspec.json.encode(numbers).decode()


async def used_bytes(connection: AsyncConnection) -> int:
    """Return what the history takes on its disk, without pages that are free again."""
    if connection.dialect.name == "postgresql":
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
            "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        )
        return int((await connection.execute(text(query))).scalar_one())
    pages, free, size = [
        int((await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one())
        for name in ("page_count", "freelist_count", "page_size")
    ]
    return (pages - free) * size
