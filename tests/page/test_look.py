"""How the page looks at each width, and what it says on a first visit."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route

from tests.testkit.browser import ROWS, Watched, address, cell, phase, token
from tests.testkit.stack import Demo
from tests.testkit.wait import until

# Where a text ends: its own box, without the padding of what holds it.
EDGES = """() => {
  const edge = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getBoundingClientRect().right;
  };
  const found = {};
  for (const head of document.querySelectorAll(".head .numeric")) {
    if (getComputedStyle(head).display === "none") continue;
    const figures = [...document.querySelectorAll(
      `.rows [data-col="${head.dataset.col}"] .figure`)].slice(0, 8);
    const title = edge(head.querySelector(".title") ?? head);
    found[head.dataset.col] = Math.max(...figures.map((each) => Math.abs(edge(each) - title)));
  }
  return found;
}"""
# What stands out of the window, and figures that run into the column before them.
CUT = """() => {
  const wide = document.documentElement.clientWidth;
  const shown = [...document.querySelectorAll(
    ".top *, .filters *, .hints *, .head > *, .row > *, footer *, .side *")];
  const out = shown.filter((each) => {
    if (wide <= 720 && each.closest(".filters")) return false;  // a phone's scroll sideways
    const box = each.getBoundingClientRect();
    return box.width > 1 && (box.right > wide + 0.5 || box.left < -0.5);
  });
  const scroller = document.querySelector(".scroller");
  // A chip that has no room is left out whole: none runs out of its cell, or into another.
  const chips = [...document.querySelectorAll(".rows .safety, .rows .second")].flatMap((place) => {
    const room = place.getBoundingClientRect();
    const boxes = [...place.querySelectorAll(".mark, .badge")]
      .filter((each) => each.offsetWidth > 0)
      .map((each) => [each.getBoundingClientRect(), each])
      .filter(([box]) => box.top < room.bottom - 1);
    return boxes.filter(([box, each], at) => each.scrollWidth > each.clientWidth + 1
      || (box.right > room.right + 0.5 && !each.matches(".badge"))
      || boxes.slice(0, at).some(([other]) => box.left < other.right - 0.5
        && box.right > other.left + 0.5 && box.top < other.bottom - 0.5
        && box.bottom > other.top + 0.5));
  });
  const cells = [...document.querySelectorAll(".rows .row")].flatMap((row) => {
    const boxes = [...row.querySelectorAll(":scope > .numeric")]
      .filter((each) => each.offsetWidth > 0)
      .map((each) => {
        const range = document.createRange();
        range.selectNodeContents(each);
        return [range.getBoundingClientRect(), each];
      })
      .filter(([box]) => box.width > 0)
      .sort(([a], [b]) => a.left - b.left);
    return boxes.filter(([box], at) => at > 0 && box.top < boxes[at - 1][0].bottom
      && box.bottom > boxes[at - 1][0].top && box.left < boxes[at - 1][0].right);
  });
  return [
    ...out.map((each) => `out: ${each.outerHTML.slice(0, 90)}`),
    ...chips.map(([, each]) => `chip: ${each.outerHTML.slice(0, 160)}`),
    ...cells.map(([, each]) => `overlap: ${each.outerHTML.slice(0, 120)}`),
    ...(scroller.scrollWidth > scroller.clientWidth ? ["the list scrolls sideways"] : []),
  ];
}"""


@pytest.mark.parametrize("width", [1440, 1024, 768])
def test_neither_more_sources_nor_long_ages_push_the_tools_out(
    watched: Watched, width: int
) -> None:
    crowd = """() => {
      const [first] = document.querySelectorAll(".health li");
      for (let more = 0; more < 9; more++) first.after(first.cloneNode(true));
      const [age, late] = document.querySelectorAll(".pill .detail");
      [age.textContent, late.textContent] = ["data 59.9 s", "12345 ms"];
      return [document.querySelector(".tools").getBoundingClientRect().right,
              document.querySelector(".search").getBoundingClientRect().width];
    }"""
    with watched.open(width=width, height=760) as page:
        until(lambda: phase(page) == "live")
        page.wait_for_selector(".health li", state="attached")
        page.wait_for_selector(".pill .detail + .detail")
        right, search = page.evaluate(crowd)
        assert right <= width
        assert search >= 120


@pytest.mark.parametrize("width", [1440, 1280, 1024, 768, 380])
def test_nothing_is_cut_off_and_heads_stand_above_their_figures(
    watched: Watched, stack: Demo, width: int
) -> None:
    changes = {f"price_change_{window}": 888.88 for window in ("5m", "1h", "6h", "24h")}
    stack.ingest(token(address(82), volume=9e14, **changes), ack=True)  # the widest there are
    with watched.open(width=width, height=760, motion="reduce") as page:
        until(lambda: phase(page) == "live")
        until(lambda: page.inner_text(f'[data-id="solana:{address(82)}"]').count("888.88%") >= 1)
        page.keyboard.press("p")
        assert page.evaluate(CUT) == []
        page.click(".dismiss")
        edges = page.evaluate(EDGES)
        assert {"price", "volume", "change-24h"} <= set(edges)  # 24h: the window in force
        assert {column: off for column, off in edges.items() if off > 1} == {}


def test_the_tab_s_title_has_the_open_token_and_its_price_live(
    watched: Watched, stack: Demo
) -> None:
    ident = f"solana:{address(81)}"
    named = {"token_ticker": "TITLE", "volume": 2e14}
    stack.ingest(token(address(81), **named, price=0.105), ack=True)
    with watched.open() as page:
        page.click(f'[data-id="{ident}"] .ticker')
        until(lambda: page.title() == "TITLE $0.1050 · dexwire")
        stack.ingest(token(address(81), **named, price=0.25), ack=True)
        until(lambda: page.title() == "TITLE $0.2500 · dexwire")
        page.keyboard.press("Escape")
        until(lambda: page.title() == "dexwire")


def test_hints_are_there_until_they_are_dismissed_once(watched: Watched) -> None:
    with watched.open() as page:
        hints = page.get_by_role("complementary", name="How to read the list")
        assert hints.locator("[data-sign]").count() == 2
        for words in ("first of 2", "mint"):
            assert words in hints.inner_text()
        page.get_by_role("button", name="Got it: hide these hints").press("Enter")
        hints.wait_for(state="detached")
        page.reload()
        page.wait_for_selector(ROWS)
        assert hints.count() == 0


def test_hints_say_only_what_a_phone_s_list_shows(watched: Watched) -> None:
    with watched.open(width=380) as page:
        shown = "[...document.querySelectorAll('.hints [data-sign]')].filter(e => e.offsetWidth)"
        assert page.evaluate(f"{shown}.map(e => e.dataset.sign)") == ["safety", "token"]


def test_a_phone_has_the_help_and_the_safe_palette_in_it(watched: Watched) -> None:
    with watched.open(width=380, height=760) as page:
        page.get_by_role("button", name="Help").click()
        dialog = page.get_by_role("dialog", name="Help")
        for words in ("How to read the list", "Last 24h", "first of 2", "GeckoTerminal"):
            assert words in dialog.inner_text()
        box = dialog.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 380
        dialog.get_by_label("Colours that differ").check()
        assert page.locator("html").get_attribute("data-palette") == "safe"
        page.get_by_role("button", name="Close the help").click()
        dialog.wait_for(state="detached")


def test_an_alert_of_a_token_that_no_list_shows_has_its_name(watched: Watched, stack: Demo) -> None:
    hostile = '<b onclick="1">Lost & found'
    ident = f"solana:{address(82)}"
    names = {"token_ticker": "LOST", "token_name": hostile}
    stack.ingest(token(address(82), **names, volume=0.5), ack=True)
    event = """id => {
      const stream = window.dexwire.market.stream;
      const v = stream.state.versions.get("alerts");
      if (v === undefined) return false;
      const ev = [{i: `${v + 1}.0`, type: "price", id, w: "5m", dir: "up", chg: 31.4, from: 1,
                   to: 1.314, lvl: 2}];
      stream.follow({t: "ev", k: "alerts", pv: v, v: v + 1, ev});
      return true;
    }"""
    with watched.open() as page:
        until(lambda: page.evaluate(event, ident))
        page.click("button[title=Alerts]")
        alert = page.locator(f".alerts li:has([title='{ident}'])")
        until(lambda: alert.locator(".ticker").inner_text() == "LOST")
        assert alert.locator(".name").inner_text() == hostile
        assert address(82)[:6] not in alert.inner_text()


def test_a_name_from_right_to_left_turns_nothing_beside_it(watched: Watched, stack: Demo) -> None:
    ident = f"solana:{address(83)}"
    names = {"token_ticker": "عملة", "token_name": "عملة 123"}
    stack.ingest(token(address(83), **names, volume=2e14), ack=True)
    with watched.open() as page:
        page.wait_for_selector(f'[data-id="{ident}"]')
        left = "e => e.getBoundingClientRect().left"
        ticker, name = (
            page.locator(f'[data-id="{ident}"] .{each}').evaluate(left)
            for each in ("ticker", "name")
        )
        assert ticker < name
        assert cell(page, ident, "price") == "$1.00"


def test_a_machine_that_is_not_online_is_named_as_the_reason(watched: Watched, stack: Demo) -> None:
    detail = "no source answers; is this machine online?"
    health = stack.get("/health") | {
        "status": "degraded", "reason": "no_source", "detail": detail
    }  # fmt: skip

    def refuse(route: Route) -> None:
        body = {"code": "warming", "reason": "no_source", "detail": detail, "status": 503}
        route.fulfill(status=503, json=body, headers={"retry-after": "1"})

    def fail(route: Route) -> None:
        route.fulfill(json=health)

    words = "No source answers; is this machine online?"
    with watched.open() as page:  # rows that are there stay, and are marked as old
        page.route("**/health", fail)
        page.wait_for_selector(f".strip[role=alert] >> text={words}")
        assert page.locator(ROWS).count() > 5
        page.route("**/discover?*", refuse)
        page.goto(watched.url + "/?chain=nothinghere")
        page.wait_for_selector(f".notice[role=alert] >> text={words}")
        assert "being built up" not in page.inner_text("main")
        page.unroute("**/discover?*")
        page.unroute("**/health")
        page.wait_for_selector(f"text={words}", state="detached")
        watched.complaints = [each for each in watched.complaints if "503" not in each]


def test_new_tokens_of_the_demo_trade_and_have_holders(watched: Watched, stack: Demo) -> None:
    with watched.open("/?sort=newest") as page:
        until(lambda: phase(page) == "live")
        rows = stack.get("/discover?sort=newest&limit=30")["tokens"]
        generated = [row for row in rows if not row["token_name"].startswith("Test ")]
        traded = [row for row in generated if row.get("volume_24h", 0) > 0]
        assert len(traded) >= 0.9 * len(generated) > 10
        held = next(row for row in generated if row.get("holders", 0) > 0)
        page.click(f'[data-id="{held["id"]}"] .ticker')
        shown = page.locator(".drawer .stats div:has(dt:text-is('Holders')) dd")
        until(lambda: shown.inner_text().strip() not in {"", "\N{EN DASH}"})
