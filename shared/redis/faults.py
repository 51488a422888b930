"""What goes wrong on connections to Redis, counted where it happens, wherever it is handled."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import redis.exceptions
from redis.asyncio.connection import AbstractConnection

KINDS: Final = ("connect", "lost", "timeout", "refused")
# Of this process since it began, by kind; `shared/process/metrics.py` shows them.
faults: Final[Counter[str]] = Counter()


class Counting(AbstractConnection):
    """A connection that counts what goes wrong on it, wherever that is handled."""

    async def connect(self) -> None:
        try:
            await super().connect()  # type: ignore[no-untyped-call]
        except (redis.exceptions.RedisError, OSError):
            faults["connect"] += 1
            raise

    async def read_response(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        try:
            return await super().read_response(*args, **options)
        except redis.exceptions.NoScriptError:  # answered by loading the script
            raise
        except redis.exceptions.ResponseError:
            faults["refused"] += 1
            raise
        except redis.exceptions.TimeoutError:
            faults["timeout"] += 1
            raise
        except (redis.exceptions.ConnectionError, OSError):
            faults["lost"] += 1
            raise
