"""What a request may meet at Redis, and how long it waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError

from shared.edge.http.problem import Problem
from shared.process.logs import get_logger
from shared.redis.connect import UNREACHABLE

log = get_logger(__name__)

WARMING_DETAIL: Final = "the list is being built up; it is complete in a moment"
STORAGE_S: Final = 1.0  # the whole of one request's reading or writing, connecting included


@asynccontextmanager
async def storage(timeout_s: float = STORAGE_S) -> AsyncIterator[None]:
    """Bound the time spent at Redis, and turn its errors into a 503 that says which."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except OutOfMemoryError:
        raise Problem(503, "storage_full", "the store is full", retry_after_s=5) from None
    except ReadOnlyError:
        detail = "the store takes no writes now"
        raise Problem(503, "storage_readonly", detail, retry_after_s=1) from None
    except UNREACHABLE:  # a time-out of asyncio's is an OSError too
        raise unavailable() from None
    except RedisError as error:  # LOADING, NOREPLICAS, WRONGTYPE, NOPERM, …
        if str(error).startswith("MISCONF"):
            detail = "the store cannot save to its disk, which is full or failing: no writes now"
            raise Problem(503, "storage_readonly", detail, retry_after_s=5) from None
        log.warning("storage_refused", error=f"{type(error).__name__}: {error}"[:200])
        raise unavailable() from None


def unavailable() -> Problem:
    """Return the problem of a store that does not answer."""
    detail = "the store does not answer"
    return Problem(503, "storage_unavailable", detail, retry_after_s=1)


def warming() -> Problem:
    """Return the problem of a state that is not complete yet."""
    return Problem(503, "warming", WARMING_DETAIL, retry_after_s=1)
