"""The cookbook's webhook program, beside a real gateway and a real server that takes its posts."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.keys import Keys
from shared.redis.connect import Redis
from tests.testkit.blocks import blocks
from tests.testkit.commits import Writer, token
from tests.testkit.process import ROOT, Process, free_port
from tests.testkit.wait import eventually

(PROGRAM,) = (one for one in blocks("python") if "WEBHOOK_URL" in one.text)


class Webhook(http.server.ThreadingHTTPServer):
    """Keeps the JSON body of each post."""

    def __init__(self) -> None:
        self.posts: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_each_alert_of_the_level_reaches_the_webhook_once(
    redis: Redis,
    keys: Keys,
    spawn_service: Callable[..., Process],
    webhook: Webhook,
    tmp_path: Path,
    started: list[Process],
) -> None:
    port = free_port()
    spawn_service("ws", {"WS_PORT": str(port)})
    writer = Writer(redis, keys)
    await writer.begin()
    await writer.commit(token("A", price=1))
    here = f'"http://127.0.0.1:8000", ws_url="ws://127.0.0.1:{port}/ws"'
    text = PROGRAM.text.replace('"http://127.0.0.1:8000"', here)
    (tmp_path / "hook.py").write_text(text, encoding="utf-8")
    env = {"PYTHONPATH": str(ROOT), "WEBHOOK_URL": webhook.url, "PYTHONUNBUFFERED": "1"}
    process = Process([sys.executable, "hook.py"], env, tmp_path, tmp_path / "hook.log")
    started.append(process)
    committed = 0

    async def posted() -> bool:
        nonlocal committed
        assert process.poll() is None, process.output()
        if len(webhook.posts) < 3:  # the program may still be connecting
            committed += 1
            await writer.commit(token("A", price=2), alerts=[("solana:A", 3), ("solana:A", 1)])
        return len(webhook.posts) >= 3

    await eventually(posted, timeout_s=60, every_s=0.3)
    assert len(webhook.posts) <= committed  # of two alerts a commit, one is of the level
    assert {post["text"].split()[0] for post in webhook.posts} == {"solana:A"}
