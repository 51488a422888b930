"""What an address of a history must be; without SQLAlchemy, whose import takes long (0038)."""

from __future__ import annotations

import re
from typing import Final

_PORT_MAX: Final = 65_535
_HOST: Final = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:(?P<port>[0-9]+))?")
_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}


def driver_of(text: str) -> str:
    """Return SQLAlchemy's name of an address's driver. Raises ValueError for no address."""
    scheme, _, rest = text.partition("://")
    if not rest:
        raise ValueError("must look like sqlite:///path or postgresql://host/name")
    driver = _DRIVERS.get(scheme)
    if driver is None:
        raise ValueError("must begin with sqlite:// or postgresql://")
    if driver.startswith("sqlite"):
        if rest.partition("/")[2] in {"", ":memory:"}:
            raise ValueError("must name a file: two processes use it")
    else:
        _check_host(rest)
    return driver


def _check_host(rest: str) -> None:
    address = re.split("[/?]", rest.rpartition("@")[2])[0]  # a password may have any character
    found = _HOST.fullmatch(address)
    if found is None or int(found["port"] or 0) > _PORT_MAX:
        raise ValueError("must have a host, and a port that is a number up to 65535 or none")
