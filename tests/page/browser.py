"""What the page's tests share: a real stack in demo mode, Debian's chromium, and a watched page."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import Process, free_port, require, start_dexwire

FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The same stack under a name that its gateway does not know as an origin.
    "--host-resolver-rules=MAP elsewhere.test 127.0.0.1",
)
ROWS: Final = ".rows .row"
PATIENCE_S: Final = 30.0  # how long something may take on a busy machine that promises no time
T = TypeVar("T")


def until(probe: Callable[[], T], timeout_s: float = PATIENCE_S) -> T:
    """Return the probe's first true answer; an AssertionError in it counts as not yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            value = probe()
            complaint = f"not within {timeout_s} s; last answer: {value!r}"
            if value:
                return value
        except (AssertionError, OSError) as error:
            complaint = f"not within {timeout_s} s: {error}"
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        time.sleep(0.02)


def token(address: str, **figures: object) -> dict[str, Any]:
    base = {"token_address": address, "chain": "solana", "token_ticker": address[:6].upper()}
    return {**base, "token_name": f"Test {address[:6]}", "price": 1.0, "volume": 1e6, **figures}


def address(number: int) -> str:
    return f"PageTest{number:03d}" + "x" * 32


@dataclass
class Stack:
    """A running `dexwire up --demo`."""

    process: Process
    url: str

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310 - ours
            return json.load(answer)

    def ingest(self, *tokens: dict[str, Any], ack: bool = False) -> None:
        """Post readings, again while the outcome is unknown; raises RuntimeError when refused."""
        until(lambda: self._post(tokens, ack=ack))

    def _post(self, tokens: tuple[dict[str, Any], ...], *, ack: bool) -> bool:
        body = json.dumps({"source": "pagetest", "tokens": tokens}).encode()
        request = urllib.request.Request(  # noqa: S310 - ours
            self.url + "/ingest" + ("?ack=commit" if ack else ""),
            data=body,
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - ours
                return True
        except urllib.error.HTTPError as error:
            if error.code != 504:  # `ack=commit` waits for two seconds; a loaded machine may not do
                raise RuntimeError(error.read().decode()) from error
            return False

    def child(self, name: str) -> int:
        """Return the process id of a service of this stack."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                status = (entry / "status").read_text(encoding="utf-8")
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended meanwhile
            parent = re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)
            ours = parent is not None and int(parent[1]) == self.process.pid
            if ours and name.encode() in command:
                return int(entry.name)
        raise AssertionError(f"no {name} runs:\n{self.process.output()[-2000:]}")

    def kill(self, name: str) -> None:
        os.kill(self.child(name), signal.SIGKILL)


@contextmanager
def demo_stack(folder: Path) -> Iterator[Stack]:
    """Run the demo until the block ends; begins when there are tokens."""
    api, ws = free_port(), free_port()
    ports = ["--api-port", str(api), "--ws-port", str(ws), "--replay-port", "0"]
    process = start_dexwire(["up", "--demo", *ports], cwd=folder, log=folder / "up.log")
    stack = Stack(process, f"http://127.0.0.1:{api}")
    try:
        until(lambda: _has_tokens(stack), 40)
        yield stack
        process.send(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()


def _has_tokens(stack: Stack) -> bool:
    assert stack.process.poll() is None, stack.process.output()
    return int(stack.get("/discover?limit=1")["total"]) >= 150


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's chromium."""
    path = require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """Opens pages and notes what must not happen in them."""

    browser: Browser
    url: str
    complaints: list[str] = field(default_factory=list)
    opened_s: float = 0.0  # from asking for the page to its first rows

    @contextmanager
    def open(
        self,
        path: str = "/",
        *,
        width: int = 1440,
        height: int = 900,
        scheme: Literal["dark", "light"] = "dark",
        rows: bool = True,
        motion: Literal["no-preference", "reduce"] = "no-preference",
        refuse: str | None = None,
    ) -> Iterator[Page]:
        """Open the page in a fresh profile and wait for rows. Its complaints fail the test.

        `refuse`: addresses that nobody answers, until they are unrouted.
        """
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion=motion,
        )
        try:
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            page = context.new_page()
            if refuse is not None:
                page.route(refuse, lambda route: route.abort())
            page.set_default_timeout(PATIENCE_S * 1000)
            page.on("console", lambda message: self._on_console(message.type, message.text))
            page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
            page.on("request", lambda request: self._on_request(request.url))
            started = time.monotonic()  # the browser itself is up; its start is not the page's
            page.goto(self.url + path, wait_until="commit")
            if rows:
                page.wait_for_selector(ROWS)
            self.opened_s = time.monotonic() - started
            yield page
        finally:
            context.close()
        assert self.complaints == []

    def _on_console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")

    def _on_request(self, url: str) -> None:
        if not url.startswith((self.url + "/", "data:")):
            self.complaints.append(f"foreign request: {url}")


def heard(page: Page) -> bool:
    """Return true once what the page did until now was told to its listeners."""
    page.wait_for_timeout(1)
    return True


def phase(page: Page) -> str | None:
    """Return what the pill says of the connection."""
    return page.get_attribute(".pill", "data-phase")


def cell(page: Page, token_id: str, column: str) -> str:
    """Return a cell's text."""
    return page.inner_text(f'[data-id="{token_id}"] [data-col="{column}"]')


def order(page: Page) -> list[str]:
    """Return the ids that the page shows, in order, also those out of view; none before it runs."""
    shown: list[str] = page.evaluate("[...(window.dexwire.market?.shown() ?? [])]")
    return shown
