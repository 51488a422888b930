"""Which parts of dexwire are installed: the client always, the server where it can run."""

from __future__ import annotations

import importlib.util
from typing import Final

SERVER: Final = "dexwire.server"
_LOCKS: Final = "fcntl"  # Windows has none, nor what else the server needs of an operating system


def missing_server() -> str:
    """Return why the server's commands cannot run here and what to do, "" when they can."""
    if importlib.util.find_spec(_LOCKS) is None:
        return "on Windows the client works, the server does not: use WSL"
    if importlib.util.find_spec(SERVER) is None:
        return "the server is not installed: pip install dexwire-server"
    return ""
