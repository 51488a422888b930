"""A Redis server whose disk can be full: its append-only file may not grow further."""

from __future__ import annotations

import resource
from pathlib import Path

from tests.testkit.redis_servers import RedisServer, server_binary


def server_with_a_disk(folder: Path, socket: Path, **options: str) -> RedisServer:
    """Prepare a server on a socket, with an append-only file; `fill_disk` it and `free_disk`."""
    given = {
        "port": "0",
        "unixsocket": str(socket),
        "save": '""',
        "appendonly": "yes",
        "appendfsync": "everysec",
        **options,
    }
    binary = str(_without_signals(folder))
    return RedisServer(folder, given, url=f"unix://{socket}", binary=binary)


def append_only_file(server: RedisServer) -> Path | None:
    """Return the file that a server appends to; None before its first start."""
    parts = sorted((server.folder / "appendonlydir").glob("*.incr.aof"))
    return parts[-1] if parts else None


def fill_disk(server: RedisServer, room: int = 0) -> None:
    """Let the file grow by so many bytes and no further."""
    file = append_only_file(server)
    _limit(server, (file.stat().st_size if file else 0) + room)


def free_disk(server: RedisServer) -> None:
    """Let it grow again."""
    _limit(server, resource.RLIM_INFINITY)


def _limit(server: RedisServer, size: int) -> None:
    if server.popen is not None:
        limits = (size, resource.RLIM_INFINITY)
        resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE, limits)


def _without_signals(folder: Path) -> Path:
    """Return a server that gets an error, no SIGXFSZ, when its file may not grow further."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "server"
    text = f'#!/bin/sh\ntrap "" XFSZ\nexec {server_binary()} "$@"\n'
    script.write_text(text, encoding="utf-8")
    script.chmod(0o700)
    return script
