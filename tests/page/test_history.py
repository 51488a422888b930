"""History in the page: sparklines, candles, alerts, the list as it was."""

from __future__ import annotations

import time
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route

from tests.testkit.browser import ROWS, Watched, address, cell, heard, phase, token
from tests.testkit.page_audit import cut_off, serious
from tests.testkit.stack import Demo
from tests.testkit.wait import until

TOP: Final = 9e14  # nothing in the demo trades as much
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
# Every text that is drawn on a canvas, with its box in the page, per drawing of that canvas.
SPY = """() => {
  window.drawn = new Map();
  const proto = CanvasRenderingContext2D.prototype;
  const fill = proto.fillText;
  proto.fillText = function (text, x, y) {
    const { a, e, d, f } = this.getTransform();
    const size = this.measureText(text);
    const ratio = this.canvas.width / this.canvas.getBoundingClientRect().width;
    const place = this.canvas.getBoundingClientRect();
    const left = place.left + (x * a + e) / ratio
      - (size.actualBoundingBoxLeft * a) / ratio;
    const right = left + ((size.actualBoundingBoxLeft + size.actualBoundingBoxRight) * a) / ratio;
    const middle = place.top + (y * d + f) / ratio;
    if (!window.drawn.has(this.canvas)) window.drawn.set(this.canvas, []);
    window.drawn.get(this.canvas).push({
      text, left, right, frame: document.timeline.currentTime,
      top: middle - (size.actualBoundingBoxAscent * d) / ratio,
      bottom: middle + (size.actualBoundingBoxDescent * d) / ratio,
    });
    return fill.call(this, text, x, y);
  };
}"""
DRAWN = """() => [...window.drawn.entries()]
  .filter(([canvas]) => canvas.isConnected)
  .flatMap(([, texts]) => texts.filter((each) => each.frame === texts.at(-1).frame))"""


def ident(number: int) -> str:
    return f"solana:{address(number)}"


def begin(page: Page, stack: Demo, path: str, state: str = "ok") -> None:
    """Open a page again, with a history in the state that its server says it has."""
    health = stack.get("/health") | {"history": {"state": state}}
    page.route("**/health", lambda route: route.fulfill(json=health))
    page.goto(stack.url + path)


def candle(start_ms: int, minute: int, **news: object) -> dict[str, Any]:
    prices = {"o": 2.62e-6, "h": 2.64e-6, "l": 2.61e-6, "c": 2.63e-6}
    seen = {"n": 12, "by": "jupiter", "mixed": False, "cover": 1.0, "kind": "seen"}
    return {"t": start_ms + minute * MINUTE_MS, **prices, **seen, "closed": True, **news}


def recorded(now_ms: int) -> dict[str, Any]:
    """Minutes until now: 10 candles, 10 of an outage, 5, 10 unseen, 5; the last is of now."""
    start_ms = now_ms - now_ms % MINUTE_MS - 39 * MINUTE_MS
    outage = {"from_ms": start_ms + 10 * MINUTE_MS, "to_ms": start_ms + 20 * MINUTE_MS}
    unseen = {"from_ms": start_ms + 25 * MINUTE_MS, "to_ms": start_ms + 35 * MINUTE_MS}
    found = [candle(start_ms, minute) for minute in (*range(10), *range(20, 25), *range(35, 40))]
    found[3] |= {"mixed": True, "cover": 0.3}
    found[4] |= {"kind": "flat", "o": 2.62e-6, "h": 2.62e-6, "l": 2.62e-6, "c": 2.62e-6}
    found[-1] |= {"closed": False}
    return {
        "basis": "sampled",
        "interval": "1m",
        "from_ms": start_ms,
        "to_ms": start_ms + 40 * MINUTE_MS,
        "volume_basis": None,
        "coverage": {"from_ms": start_ms, "to_ms": now_ms, "tier": "1m", "share": 0.5},
        "candles": found,
        "gaps": [
            outage | {"kind": "outage", "why": "jupiter did not answer"},
            unseen | {"kind": "unseen"},
        ],
    }


def keep_candles(page: Page, ms_ago: int = 4 * MINUTE_MS) -> None:
    """Have the history answer with candles, and with an alert of some time ago."""

    def candles(route: Route) -> None:
        route.fulfill(json=recorded(int(time.time() * 1000)))

    def alerts(route: Route) -> None:
        now_ms = int(time.time() * 1000)
        rise = {"w": "5m", "dir": "up", "chg": 31.4, "from": 2e-6, "to": 2.63e-6, "lvl": 2}
        alert = {"i": "7.0", "type": "price", "id": "", **rise, "at_ms": now_ms - ms_ago}
        route.fulfill(json={"alerts": [alert], "coverage": {"from_ms": 1_790_000_000_000}})

    page.add_init_script("localStorage.setItem('dexwire:interval', '1m')")
    page.route("**/tokens/*/*/candles?*", candles)
    page.route("**/tokens/*/*/alerts?*", alerts)


# -- sparklines -----------------------------------------------------------------------------------
def test_a_row_s_24_hours_go_on_with_the_live_price_and_nothing_moves(
    watched: Watched, stack: Demo
) -> None:
    stack.ingest(*(token(address(number), volume=TOP) for number in (400, 401)), ack=True)
    lines = {ident(400): [*[1.0] * 22, 1.5, 1.0], ident(401): [*[None] * 23, 1.0]}
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    def answer(route: Route) -> None:
        body = route.fetch(url=route.request.url.replace("&spark=24h", "")).json()
        route.fulfill(
            json=body
            | {"tokens": [row | {"spark": lines.get(row["id"])} for row in body["tokens"]]}
        )

    path = f'[data-id="{ident(400)}"] .spark path'
    with watched.open(rows=False) as page:
        page.route("**/discover?*spark=24h*", hold)
        begin(page, stack, "/?sort=volume&window=24h")
        page.wait_for_selector(f'[data-id="{ident(401)}"]')
        until(lambda: heard(page) and held)
        cells = "document.querySelectorAll('.rows .row:nth-child(-n+9) .cell')"
        places = f"[...{cells}].map(e => e.offsetLeft)"
        before = page.evaluate(places)
        page.unroute("**/discover?*spark=24h*")
        page.route("**/discover?*spark=24h*", answer)
        for route in held:
            answer(route)
        flat = until(lambda: page.get_attribute(path, "d")) or ""
        assert page.evaluate(places) == before
        assert flat.endswith("L80.3 1.5L84.0 22.5")
        assert page.inner_text(f'[data-id="{ident(401)}"] .spark') == "new"
        stack.ingest(token(address(400), price=2.0, volume=TOP), ack=True)
        until(lambda: (page.get_attribute(path, "d") or "").endswith("L84.0 1.5"))
        page.set_viewport_size({"width": 380, "height": 760})
        box = until(lambda: page.locator(f'[data-id="{ident(400)}"] .spark svg').bounding_box())
        assert box is not None
        assert box["x"] + box["width"] <= 380


def test_a_demo_begins_with_a_past_and_its_list_can_be_shown_as_it_was(
    watched: Watched, stack: Demo
) -> None:
    def is_filled() -> bool:
        rows = stack.get("/discover?spark=24h&limit=20&sort=volume")["tokens"]
        filled = [row for row in rows if row.get("spark", [None] * 24).count(None) < 4]
        return len(filled) >= 8

    until(is_filled, 60)
    full = ".rows .row:has(.spark path[d*=L])"  # what the tests posted has no past
    with watched.open("/?sort=volume&window=24h") as page:
        until(lambda: page.locator(full).count() >= 8)
        line = page.locator(f"{full} >> nth=0 >> css=.spark path").get_attribute("d") or ""
        assert line.count("L") >= 20
        page.click(f"{full} >> nth=0 >> css=.ticker")
        page.click(".candles .switch >> text=1h")  # hours are there first
        words = page.locator(".candles > p.hidden")
        until(lambda: "were filled in, not sampled." in words.inner_text())
        assert int(words.inner_text().split(" ")[0]) >= 20
        assert "filled in from the replayed market" in page.inner_text(".candles figcaption")
        recorded_ms = stack.get("/health")["history"]["position"]["at_ms"]
        # The end of a minute, as the slider has it: before it, the list is of the minute before.
        page.goto(f"{watched.url}/?at={recorded_ms // 60_000 * 60_000 + 60_000}")
        until(lambda: page.locator(ROWS).count() >= 8)
        page.get_by_text("Sampled figures of then, not live.").wait_for()


# -- candles --------------------------------------------------------------------------------------
def test_candles_say_what_they_are_to_eyes_ears_and_keys_and_go_on_live(
    watched: Watched, stack: Demo
) -> None:
    stack.ingest(token(address(402), price=2.63e-6, volume=TOP), ack=True)
    requested: list[str] = []
    with watched.open(rows=False) as page:
        page.on("request", lambda request: requested.append(request.url))
        keep_candles(page)
        begin(page, stack, "/?sort=volume&window=24h")
        page.evaluate(SPY)
        page.click(f'[data-id="{ident(402)}"] .ticker')
        plot = page.get_by_role("slider", name="Candles of 1m")
        until(lambda: {"unseen", "outage"} <= {each["text"] for each in page.evaluate(DRAWN)})
        chart = [url for url in requested if "/assets/panel-" in url]
        assert requested.index(chart[0]) > next(
            at for at, url in enumerate(requested) if "/discover" in url
        )
        figure = page.locator(".candles")
        for words in (
            "Sampled: made of the prices",
            "outage: a source or this server was down",
            "unseen: this token was not looked at then",
            "Hollow: fresh prices for less than half of the interval",
            "No volume: sources give none for a minute",
            "fresh prices for 50% of 40m 00s",
            "TradingView Lightweight Charts",
            "outage for 10m 00s: jupiter did not answer",
        ):
            assert words in figure.inner_text().replace("\n", "")
        plot.press("Home")
        for _ in range(3):
            plot.press("ArrowRight")
        spoken = plot.get_attribute("aria-valuetext") or ""
        assert "12 samples by Jupiter, mixed: the source changed within" in spoken
        assert "fresh prices for 30% of the interval" in spoken
        assert page.locator(".tip [data-tone=warn]").count() == 2
        plot.press("ArrowRight")
        assert "flat: looked at, unchanged" in (plot.get_attribute("aria-valuetext") or "")
        plot.press("PageDown")
        assert "outage: jupiter did not answer" in (plot.get_attribute("aria-valuetext") or "")
        stack.ingest(token(address(402), price=3e-6, volume=TOP), ack=True)
        plot.press("End")
        until(lambda: "close $0.0₅300" in (plot.get_attribute("aria-valuetext") or ""))
        page.get_by_text("As a table").click()
        table = page.get_by_role("region", name="Candles as a table")
        table.locator("tbody tr >> nth=39").wait_for()
        assert "31.40%" in page.locator(".drawer section:has(.alerts)").inner_text()
        page.click(".candles .switch >> text=1h")
        until(lambda: heard(page) and any("candles?interval=1h" in url for url in requested))


def test_a_history_that_is_away_is_said_and_the_rest_of_the_drawer_is_there(
    watched: Watched, stack: Demo
) -> None:
    down = {"code": "history_down", "detail": "the disk is full", "status": 503}
    with watched.open(rows=False) as page:
        begin(page, stack, "/?sort=volume&window=24h", state="off")
        page.click(f"{ROWS} >> nth=3 >> css=.ticker")
        page.wait_for_selector(".candles >> text=This server keeps no history (HISTORY=off)")
        page.locator(".drawer h3:has-text('Sources')").wait_for()
        page.unroute("**/health")
        page.route("**/tokens/*/*/*?*", lambda route: route.fulfill(status=503, json=down))
        begin(page, stack, page.url.removeprefix(stack.url))
        page.wait_for_selector(
            ".candles >> text=The history is not available now: the disk is full"
        )
        page.locator(".drawer h3:has-text('Sources')").wait_for()
        watched.complaints = [each for each in watched.complaints if "503" not in each]


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), ("light", 380)])
def test_axe_finds_nothing_serious_in_candles_and_their_texts_do_not_overlap(
    watched: Watched, stack: Demo, scheme: Literal["dark", "light"], width: int
) -> None:
    stack.ingest(token(address(403), price=2.63e-6, volume=TOP), ack=True)
    with watched.open(rows=False, scheme=scheme, motion="reduce", width=width, height=760) as page:
        keep_candles(page)
        begin(page, stack, f"/?token={ident(403)}")
        page.evaluate(SPY)
        texts = until(lambda: labels(page))
        page.get_by_text("As a table").click()
        page.get_by_role("slider", name="Candles of 1m").press("ArrowLeft")
        assert serious(page) == []
        assert cut_off(page, ".candles") == []
    assert overlaps(texts) == []


def labels(page: Page) -> list[dict[str, Any]]:
    """Return the texts of both scales, once there are some."""
    found: list[dict[str, Any]] = page.evaluate(DRAWN)
    return found if len(found) >= 6 else []


def overlaps(texts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (one["text"], other["text"])
        for at, one in enumerate(texts)
        for other in texts[:at]
        if (one["text"], one["left"]) != (other["text"], other["left"])  # drawn twice
        and one["left"] < other["right"]
        and other["left"] < one["right"]
        and one["top"] < other["bottom"]
        and other["top"] < one["bottom"]
    ]


def test_a_removed_token_is_shown_as_it_last_was(watched: Watched, stack: Demo) -> None:
    gone_ms = int(time.time() * 1000) - 3 * HOUR_MS
    row = {"id": "solana:Dead1", "token_ticker": "DEAD", "price": 0.25, "chain": "solana"}
    problem = {"code": "gone", "detail": "removed", "status": 410, "token": row, "gone_ms": gone_ms}
    with watched.open(rows=False) as page:
        page.route("**/tokens/solana/Dead1", lambda route: route.fulfill(status=410, json=problem))
        begin(page, stack, "/?token=solana:Dead1", state="off")
        page.wait_for_selector(".drawer .problem >> text=Removed 3h ago")
        assert page.inner_text(".drawer h2") == "DEAD"
        assert page.inner_text(".drawer .price") == "$0.2500"
        watched.complaints = [each for each in watched.complaints if "410" not in each]


# -- the list as it was ---------------------------------------------------------------------------
def keep_list(page: Page, requested: list[dict[str, str]], *numbers: int) -> None:
    """Have the history answer with these tokens, of which the last was removed since."""

    def answer(route: Route) -> None:
        query = {
            name: each[0] for name, each in parse_qs(urlsplit(route.request.url).query).items()
        }
        requested.append(query)
        at_ms = int(query["at_ms"])
        rows = [
            token(address(number), id=ident(number), price=5.0, volume_24h=7e6, sampled_ms=at_ms)
            for number in numbers
        ]
        rows[-1]["gone_ms"] = at_ms + HOUR_MS
        head = {"at_ms": at_ms, "basis": "sampled", "recorded_ms": at_ms - 9 * MINUTE_MS}
        route.fulfill(json=head | {"total": 321, "sort": query["sort"], "tokens": rows})

    page.route("**/history/discover?*", answer)


def test_the_slider_shows_the_list_of_then_plainly_marked_and_a_key_leads_back(
    watched: Watched, stack: Demo
) -> None:
    stack.ingest(token(address(404), price=1.0, volume=TOP, liquidity=TOP), ack=True)
    requested: list[dict[str, str]] = []
    with watched.open(rows=False) as page:
        keep_list(page, requested, 404, 405)
        begin(page, stack, "/?sort=volume&window=24h&min_liquidity=1")
        page.wait_for_selector(ROWS)
        page.keyboard.press("t")
        slider = page.get_by_role("slider", name="As of")
        assert slider.get_attribute("aria-valuetext") == "now, live"
        for _ in range(3):
            slider.press("ArrowLeft")
        until(lambda: page.locator(ROWS).count() == 2)
        banner = page.locator(".past")
        banner.get_by_text("The newest record before it is of").wait_for()
        until(lambda: cell(page, ident(404), "price") == "$5.00")
        for words in (
            "As it was on",
            "Sampled figures of then, not live.",
            "One token was removed since.",
            "Not kept for the past: the filter.",
        ):
            assert words in banner.inner_text()
        until(lambda: page.locator(".counted").inner_text() == "2 shown of 321 then")
        assert phase(page) == "past"
        assert page.locator(f'[data-id="{ident(405)}"].left [data-kind=gone]').count() == 1
        stack.ingest(token(address(404), price=9.0, volume=TOP, liquidity=TOP), ack=True)
        page.keyboard.press("1")  # a preset that needs what is not kept
        page.wait_for_selector(".toast >> text=Trending 1h: Not kept for the past: Trending")
        page.click('[data-sort="liquidity"]')
        until(lambda: heard(page) and requested[-1]["sort"] == "liquidity")
        page.reload()
        until(lambda: cell(page, ident(404), "price") == "$5.00")
        assert f"at={requested[-1]['at_ms']}" in page.url
        page.keyboard.press("l")
        page.wait_for_selector(".past", state="detached")
        assert "at=" not in page.url
        page.click('[data-sort="volume"]')
        until(lambda: cell(page, ident(404), "price") == "$9.00")


def test_a_time_of_which_nothing_is_recorded_says_so(watched: Watched, stack: Demo) -> None:
    detail = "nothing is recorded of it; the list is from 1795773600000"
    refusal = {"code": "not_recorded", "detail": detail, "param": "at_ms", "status": 404}
    with watched.open(rows=False) as page:
        page.route("**/history/discover?*", lambda route: route.fulfill(status=404, json=refusal))
        begin(page, stack, "/?at=1790000000000")
        notice = page.locator(".notice[role=alert]")
        notice.get_by_text("Nothing is recorded of that time").wait_for()
        assert "the list is from 27 Nov 10:00 UTC." in notice.inner_text()
        notice.get_by_role("button", name="Back to live").click()
        page.wait_for_selector(ROWS)
        watched.complaints = [each for each in watched.complaints if "404" not in each]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 380)])
def test_axe_finds_nothing_serious_in_the_past_and_nothing_is_cut_off(
    watched: Watched, stack: Demo, scheme: Literal["dark", "light"], width: int
) -> None:
    with watched.open(rows=False, scheme=scheme, motion="reduce", width=width, height=760) as page:
        keep_list(page, [], 404, 405)
        begin(page, stack, "/?at=1790000000000&window=6h&starred=1&min_liquidity=5")
        page.wait_for_selector(f"{ROWS}.left")
        assert serious(page) == []
        for narrower in (width, 1024, 768, 380):
            page.set_viewport_size({"width": narrower, "height": 760})
            assert cut_off(page, ".top", ".timebar", ".past", ".active", ".views") == []
