"""What the page says of how far its figures can be trusted, and what it does without a stream."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.testkit.browser import ROWS, Watched, address, cell, order, phase, token
from tests.testkit.stack import Demo
from tests.testkit.wait import until

UNHEARD = ("WebSocket connection to", "net::ERR_FAILED")  # what the browser itself says of it
# How colours look without one kind of cone (Machado 2009, severity 1), of linear light.
BLIND = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413)),
}
THIRD = {
    "protanopia": (-0.003882, -0.048116, 1.051998),
    "deuteranopia": (-0.011820, 0.042940, 0.968881),
}


def forgive(watched: Watched) -> None:
    """Drop what the browser says of connections that a test itself cut."""
    kept = [each for each in watched.complaints if not any(word in each for word in UNHEARD)]
    watched.complaints = kept


def test_a_stale_row_is_dimmed_and_a_fresh_one_is_not(watched: Watched, stack: Demo) -> None:
    old_ms = int(time.time() * 1000) - 11 * 60_000
    stack.ingest(
        token(address(60), volume=2e14, observed_ms=old_ms),
        token(address(61), volume=2e14),
        ack=True,
    )
    colour = "e => getComputedStyle(e.querySelector('[data-col=price] .figure')).color"
    muted = "e => getComputedStyle(e.querySelector('.name')).color"
    with watched.open() as page:
        stale = page.wait_for_selector(f'[data-id="solana:{address(60)}"].stale')
        fresh = page.wait_for_selector(f'[data-id="solana:{address(61)}"]:not(.stale)')
        assert stale is not None
        assert fresh is not None
        assert stale.evaluate(colour) == stale.evaluate(muted)
        assert fresh.evaluate(colour) != fresh.evaluate(muted)


def test_the_sources_shown_are_those_of_health(watched: Watched, stack: Demo) -> None:
    with watched.open() as page:
        states = "[...document.querySelectorAll('.health li')].map(e => e.dataset.state)"
        known = [source["state"] for source in stack.get("/health")["sources"].values()]
        until(lambda: page.evaluate(states) == known)

        def ail(route: Route) -> None:
            body: Any = route.fetch().json()
            body["sources"]["jupiter"] |= {"state": "down", "last_error": "timed out"}
            route.fulfill(json=body)

        page.route("**/health", ail)
        ill = page.wait_for_selector(".health [data-state=down]", timeout=8_000)
        assert ill is not None
        assert ill.inner_text().startswith("Jupiter")
        assert "timed out" in (ill.get_attribute("title") or "")


def test_without_the_api_the_page_says_so_and_begins_by_itself_when_it_is_back(
    watched: Watched,
) -> None:
    with watched.open("/?x=1", rows=False, refuse="**/config.json") as page:
        page.wait_for_selector(".notice[role=alert] >> text=The server does not answer")
        page.unroute("**/config.json")
        page.wait_for_selector(ROWS)
        until(lambda: len(order(page)) > 50)
        assert page.locator(".notice").count() == 0
        forgive(watched)


def test_rows_that_can_no_longer_be_requested_stay_and_are_marked_as_old(
    watched: Watched,
) -> None:
    with watched.open("/?min_liquidity=1000") as page:
        until(lambda: len(order(page)) > 50)
        page.route("**/discover?*", lambda route: route.abort())
        page.wait_for_selector(".strip[role=alert] >> text=The server does not answer")
        assert len(order(page)) > 50
        page.unroute("**/discover?*")
        page.wait_for_selector(".strip", state="detached")
        forgive(watched)


def test_a_refused_stream_is_replaced_by_asking_and_the_pill_says_so(
    browser: Browser, stack: Demo
) -> None:
    # The gateway refuses this page's origin: a real 403; JavaScript sees a lost connection.
    watched = Watched(browser, stack.url.replace("127.0.0.1", "elsewhere.test"))
    ident = f"solana:{address(62)}"
    stack.ingest(token(address(62), volume=8e14), ack=True)
    with watched.open() as page:
        until(lambda: phase(page) == "polling", 12)
        assert "No stream" in (page.get_attribute(".pill", "title") or "")
        until(lambda: ident in order(page))
        stack.ingest(token(address(62), price=55.0, volume=8e14), ack=True)
        until(lambda: cell(page, ident, "price") == "$55.00", 5)
        until(lambda: order(page) == listed(stack))
        page.route("**/discover?*", lambda route: route.abort())
        until(lambda: phase(page) == "offline")
        page.wait_for_selector(".strip[role=alert]")
        page.unroute("**/discover?*")
        until(lambda: phase(page) == "polling", 12)
        forgive(watched)


def listed(stack: Demo) -> list[str]:
    return [row["id"] for row in stack.get("/discover?limit=100")["tokens"]]


def test_a_stream_that_comes_back_ends_the_asking(browser: Browser, stack: Demo) -> None:
    watched = Watched(browser, stack.url)
    gateway = stack.child("ws")
    with watched.open() as page:
        until(lambda: phase(page) == "live")
        os.kill(gateway, signal.SIGSTOP)
        try:
            until(lambda: phase(page) == "polling", 15)
        finally:
            os.kill(gateway, signal.SIGCONT)
        until(lambda: phase(page) == "live", 20)
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        until(lambda: order(page) == listed(stack))
        assert [url for url in requests if "limit=100" in url and "/discover" in url] == []
        forgive(watched)


# -- colours --------------------------------------------------------------------------------------
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_up_and_down_of_the_safe_palette_differ_without_red_or_green_cones(
    watched: Watched,
    scheme: Any,  # noqa: ANN401
) -> None:
    colours = """["--up", "--down"].map(name =>
      getComputedStyle(document.documentElement).getPropertyValue(name).trim())"""
    with watched.open(scheme=scheme) as page:
        page.click("button[title='Colour-blind palette']")
        up, down = page.evaluate(colours)
        shown = "e => getComputedStyle(e).color"
        rising = page.locator("[data-trend=up].figure").first.evaluate(shown)
    assert rising == "rgb({}, {}, {})".format(*(round(each * 255) for each in rgb(up)))
    for kind in BLIND:
        assert (
            distance(seen(up, kind), seen(down, kind)) > 40
        )  # of Lab; 2 can just be distinguished


def rgb(text: str) -> tuple[float, ...]:
    """Return a #rrggbb colour as fractions."""
    return tuple(int(text[at : at + 2], 16) / 255 for at in (1, 3, 5))


def seen(text: str, kind: str) -> tuple[float, ...]:
    """Return a colour as Lab, as it looks without one kind of cone."""
    light = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(text)]
    rows = (*BLIND[kind], THIRD[kind])
    r, g, b = (min(1, max(0, sum(m * c for m, c in zip(row, light, strict=True)))) for row in rows)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    fx, fy, fz = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in (x, y, z))
    return (116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz))


def distance(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return float(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5)
