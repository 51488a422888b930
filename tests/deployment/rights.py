"""Who gets into Redis, and how far: the users of the running deployment, tried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import redis.exceptions

from shared.redis.connect import Redis
from tests.deployment.table import ResultTable

Connect = Callable[[str, str | None], Awaitable[Redis]]
# user, a command that it must not run; tests/redis tries every cell of the table
_FORBIDDEN: Final = (
    ("fetcher", ("HSET", "token:solana:x", "price", "1")),
    ("aggregator", ("FLUSHALL",)),
    ("api", ("PUBLISH", "state_changes", "forged")),
    ("ws", ("SET", "state:meta", "1")),
    ("ws", ("CONFIG", "GET", "*")),
    ("images", ("HSET", "token:solana:x", "price", "1")),
    ("images", ("GET", "cursor:secret")),
    ("recorder", ("HSET", "token:solana:x", "price", "1")),
    ("recorder", ("PUBLISH", "state_changes", "forged")),
    ("admin", ("HSET", "token:solana:x", "price", "1")),
)


async def check_rights(connect: Connect, passwords: dict[str, str], table: ResultTable) -> None:
    """Try to get in without a password, and each user beyond its rights."""
    reply = await _send(connect, "", None, ("PING",))
    table.result("redis: nobody without a password", reply[:70], ok="authenticated" in reply)
    reply = await _send(connect, "default", "x", ("PING",))
    table.result(
        "redis: the default user is off", reply, ok="WRONGPASS" in reply or "invalid" in reply
    )
    for user, command in _FORBIDDEN:
        reply = await _send(connect, user, passwords[user], command)
        name = f"redis: {user} may not {' '.join(command[:2])}"
        table.result(name, reply[:70], ok="no permissions" in reply.lower())


async def _send(connect: Connect, user: str, password: str | None, command: tuple[str, ...]) -> str:
    """Return what is answered, error or not."""
    client: Any = await connect(user, password)
    try:
        return str(await client.execute_command(*command))
    except redis.exceptions.RedisError as error:
        return str(error)
    finally:
        await client.aclose()
