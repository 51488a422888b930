"""Servers with users, TLS, Sentinels and cluster nodes, and the services that run on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.redis.users import acl_lines, redis_users
from tests.support_redis import RedisServer

ROOT_PASSWORD = "the tests' own"


def password(user: str) -> str:
    return f"password of {user}"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


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


class Guarded:
    """A server that only knows our users, and `root`, who is the test."""

    def __init__(self, server: RedisServer, socket: Path, prefix: str) -> None:
        self.server, self.socket, self.prefix = server, socket, prefix

    def url(self, user: str) -> str:
        return f"unix://{user}@{self.socket}"

    def environ(self, user: str) -> dict[str, str]:
        return {
            "REDIS_URL": self.url(user),
            "REDIS_PASSWORD": password(user),
            "REDIS_PREFIX": self.prefix,
        }

    def refused(self) -> list[tuple[str, str]]:
        """What was refused since the last time: user, and the command, key or channel."""
        with self.server.client() as root:
            found = [(str(e["username"]), str(e["object"])) for e in root.acl_log(1000)]
            root.acl_log_reset()
            return found


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
