"""Servers with users, TLS, Sentinels and cluster nodes, and the services that run on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.redis.users import acl_lines, redis_users
from tests.testkit.redis_servers import ROOT_PASSWORD, Guarded, RedisServer, password, sha256


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Start servers with options: `start_server("name", {…}, url=…)`; all end with the test."""
    servers: list[RedisServer] = []

    def start(name: str, options: Mapping[str, str], **how: Any) -> RedisServer:  # noqa: ANN401
        server = RedisServer(tmp_path / name, options, **how)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def guard(tmp_path: Path, start_server: Callable[..., RedisServer]) -> Callable[..., Guarded]:
    """Start a server with the users of the table, under an awkward prefix; `default` is off."""

    def start(**more: str) -> Guarded:
        prefix = "t?[e]*st{1}:"
        hashes = {user.name: sha256(password(user.name)) for user in redis_users()}
        users = tmp_path / "users.acl"
        root = f"user root on #{sha256(ROOT_PASSWORD)} ~* &* +@all"
        users.write_text("\n".join([*acl_lines(prefix, hashes), root, ""]), encoding="utf-8")
        socket = tmp_path / "r.sock"
        options = {"port": "0", "unixsocket": str(socket), "save": '""', "aclfile": str(users)}
        url = f"unix://root:{ROOT_PASSWORD.replace(' ', '%20')}@{socket}"
        return Guarded(start_server("guarded", {**options, **more}, url=url), socket, prefix)

    return start


@pytest.fixture
def guarded(guard: Callable[..., Guarded]) -> Guarded:
    """Such a server, which keeps nothing."""
    return guard()
