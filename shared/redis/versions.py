"""The oldest servers that dexwire runs on."""

from __future__ import annotations

from typing import Final

LEAST_REDIS: Final = (7, 0)  # sharded pub/sub, shebang scripts, read-only scripts
LEAST_VALKEY: Final = (7, 2)  # its first, which has all of them
