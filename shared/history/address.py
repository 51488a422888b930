"""What an address of a history must be; without SQLAlchemy, whose import takes long (0038)."""

from __future__ import annotations

from typing import Final

_PORT_MAX: Final = 65_535
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
        _check_port(rest)
    return driver


def _check_port(rest: str) -> None:
    host = rest.rpartition("@")[2].partition("/")[0]  # a password may have any character
    port = "" if host.endswith("]") else host.partition("]")[2] or host
    _, colon, number = port.rpartition(":")
    if colon and not (number.isdecimal() and int(number) <= _PORT_MAX):
        raise ValueError("must have a port that is a number up to 65535, or none")
