"""What the page's tests share: a real stack in demo mode, Debian's chromium, and a watched page."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.testkit.process import require
from tests.testkit.wait import PATIENCE_S

# The last such flag is the one that counts, so Playwright's that change a page are here too. The
# address bar's menus are pages: one more for each window costs as much as opening it.
_WITHOUT: Final = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
)
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(_WITHOUT)}",
    # The same stack under a name that its gateway does not know as an origin.
    "--host-resolver-rules=MAP elsewhere.test 127.0.0.1",
)
ROWS: Final = ".rows .row"
IMAGE: Final = re.compile(
    r"http://(127\.0\.0\.1|elsewhere\.test):\d+/images/"
)  # of the stack's own service
HISTORY: Final = re.compile(r"http://[^/]+/tokens/[^/]+/[^/]+/(candles|alerts)\?")
BY_VOLUME: Final = "/?sort=volume&window=24h"  # an order that a test decides by one figure


def token(address: str, **figures: object) -> dict[str, Any]:
    base = {"token_address": address, "chain": "solana", "token_ticker": address[:6].upper()}
    return {**base, "token_name": f"Test {address[:6]}", "price": 1.0, "volume": 1e6, **figures}


def address(number: int) -> str:
    return f"PageTest{number:03d}" + "x" * 32


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
    opened_s: float = 0.0  # from the request for the page to its first rows

    @contextmanager
    def open(
        self,
        path: str = BY_VOLUME,
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
            page.on(
                "console",
                lambda message: self._on_console(
                    message.type, message.text, message.location["url"]
                ),
            )
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
        assert self.complaints == [], self.complaints

    def _on_console(self, kind: str, text: str, url: str) -> None:
        # An image that is not there yet is no fault: letters are shown. Nor is a history that a
        # loaded machine does not read in time: the drawer says so.
        if kind in {"error", "warning"} and not IMAGE.match(url) and not HISTORY.match(url):
            self.complaints.append(f"{kind}: {text}")

    def _on_request(self, url: str) -> None:
        if not url.startswith((self.url + "/", "data:")) and not IMAGE.match(url):
            self.complaints.append(f"foreign request: {url}")


def heard(page: Page) -> bool:
    """Return true once what the page did until now was delivered to its listeners."""
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
