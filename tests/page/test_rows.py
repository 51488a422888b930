"""The rows of the list as their user wants them: chips, columns, images, ages, links."""

from __future__ import annotations

import base64
import re
import time
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Route

from tests.testkit.browser import ROWS, Watched, address, cell, heard, order, phase, token
from tests.testkit.stack import Demo
from tests.testkit.wait import until

TOP: Final = 9e14  # nothing in the demo trades as much
PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SIGNALS: Final[dict[str, Any]] = {
    "mint_revoked": False,
    "freeze_revoked": True,
    "top_holders_pct": 71.5,
    "dev_pct": 0.4,
    "organic_score": 87.6,
    "verified": True,
    "boosts": 30,
    "launchpad": "pump.fun",
    "stage": "curve",
    "graduation_pct": 63.4,
    "holders": 1234,
    "traders_1h": 321,
    "net_buyers_1h": -12,
    "links": {"website": "https://www.example.org/a", "x": "https://x.com/some"},
}
CHIPS: Final = """id => Object.fromEntries(
  [...document.querySelectorAll(`[data-id="${id}"] .mark`)]
    .map(e => [e.dataset.kind, `${e.dataset.tone}: ${e.title}`]))"""


def ident(number: int) -> str:
    return f"solana:{address(number)}"


def signalled(number: int, **figures: object) -> dict[str, Any]:
    """A token at the top of each window of which everything is known."""
    volumes = {"volume": TOP, "volume_1h": TOP}
    named = {"token_ticker": f"ROW{number}"}
    return token(address(number), **{**named, **volumes, **SIGNALS, **figures})


def columns(page: Page) -> list[str]:
    """Return the columns of the list, as their heads stand."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.head [data-col]')].map(e => e.dataset.col)"
    )
    return found


def test_each_chip_says_in_words_what_is_known_and_that_the_rest_is_not(
    watched: Watched, stack: Demo
) -> None:
    unknown_one = token(address(302), token_ticker="ROW302", volume=TOP)
    stack.ingest(signalled(301), unknown_one, ack=True)
    with watched.open() as page:
        page.wait_for_selector(f'[data-id="{ident(301)}"] [data-kind=boosted]')
        known = page.evaluate(CHIPS, ident(301))
        unknown = page.evaluate(CHIPS, ident(302))
        chip = page.locator(f'[data-id="{ident(301)}"] [data-kind=stage]')
        bar = chip.locator(".progress i").evaluate("e => e.style.width")
        label = chip.get_attribute("aria-label")

    assert known == {
        "top": "bad: The largest holders have 71.5% of the supply",
        "dev": "good: The dev has 0.4% of the supply",
        "organic": "good: Organic score 87.6 of 100: how much of the trading is by real people",
        "mint": "bad: Mintable: an authority can still make more of this token",
        "freeze": "good: Freeze revoked: nobody can freeze what holders have",
        "verified": "good: Verified by a source that checks tokens",
        "stage": "plain: On the bonding curve of pump.fun, 63.4% of the way",
        "boosted": "plain: Promoted: 30 boosts, paid for. It does not count for Trending",
    }
    assert (bar, label) == ("63.4%", "On the bonding curve of pump.fun, 63.4% of the way")
    assert {kind: words.split(":")[0] for kind, words in unknown.items()} == dict.fromkeys(
        ("top", "dev", "organic", "mint", "freeze", "verified"), "unknown"
    )


def test_chips_are_switched_off_by_kind_and_stay_so(watched: Watched, stack: Demo) -> None:
    stack.ingest(signalled(303), ack=True)
    chips = f'[data-id="{ident(303)}"] .mark'
    with watched.open() as page:
        page.wait_for_selector(f"{chips}[data-kind=mint]")
        page.keyboard.press("v")
        page.get_by_role("switch", name="Mint authority").uncheck()
        page.wait_for_selector(f"{chips}[data-kind=mint]", state="detached")
        page.reload()
        page.wait_for_selector(f"{chips}[data-kind=freeze]")
        assert page.locator(f"{chips}[data-kind=mint]").count() == 0


def test_columns_are_chosen_and_ordered_by_the_keyboard_and_stay_so(
    watched: Watched, stack: Demo
) -> None:
    stack.ingest(signalled(304), ack=True)
    with watched.open("/?sort=volume", width=1900) as page:
        page.wait_for_selector(f'[data-id="{ident(304)}"]')
        page.keyboard.press("v")
        view = page.get_by_role("complementary", name="View")
        view.get_by_role("checkbox", name="Holders", exact=True).check()
        view.get_by_role("checkbox", name="Net buyers").check()
        until(lambda: cell(page, ident(304), "holders") == "1.23K")
        until(lambda: cell(page, ident(304), "net-buyers") == "\N{MINUS SIGN}12")
        lefts = "[...document.querySelectorAll('.view .columns li')].map(e => e.offsetLeft)"
        assert len(set(page.evaluate(lefts))) == 1  # one below another
        handle = view.get_by_role("button", name="Move Holders", exact=True)
        before = columns(page).index("holders")
        handle.press("ArrowUp")
        handle.press("ArrowUp")
        until(lambda: columns(page).index("holders") == before - 2)
        page.reload()
        page.wait_for_selector(f'[data-id="{ident(304)}"]')
        assert columns(page).index("holders") == columns(page).index("cap") - 1


def test_a_head_that_is_dragged_puts_its_column_elsewhere_until_the_view_is_reset(
    watched: Watched,
) -> None:
    with watched.open() as page:
        page.locator(".head [data-col=volume]").drag_to(page.locator(".head [data-col=age]"))
        until(lambda: columns(page)[:3] == ["rank", "token", "volume"])
        page.keyboard.press("v")
        page.get_by_role("complementary", name="View").get_by_text("Reset").click()
        until(lambda: columns(page)[:3] == ["rank", "token", "age"])


@pytest.mark.parametrize(("width", "height"), [(1440, 28), (380, 46)])
def test_rows_can_be_compact(watched: Watched, stack: Demo, width: int, height: int) -> None:
    stack.ingest(signalled(305), ack=True)
    with watched.open(width=width) as page:
        page.keyboard.press("v")
        page.get_by_role("button", name="Compact").click()
        page.keyboard.press("Escape")
        page.reload()
        row = page.wait_for_selector(f'[data-id="{ident(305)}"]')
        assert row is not None
        assert round((row.bounding_box() or {"height": 0})["height"]) == height


def test_ages_under_an_hour_run_in_seconds(watched: Watched, stack: Demo) -> None:
    created_ms = int(time.time() * 1000) - 130_000
    stack.ingest(signalled(306, created_ms=created_ms), ack=True)
    with watched.open() as page:
        page.wait_for_selector(f'[data-id="{ident(306)}"]')
        shown = cell(page, ident(306), "age")
        assert re.fullmatch(r"[2-9]m [0-5][0-9]s", shown)
        until(lambda: cell(page, ident(306), "age") != shown, 3)


def test_an_image_covers_the_letters_a_missing_one_leaves_them_and_a_pending_one_comes_later(
    watched: Watched, stack: Demo
) -> None:
    image = {"image": "https://elsewhere.example/a.png"}
    pictured = (signalled(number, **image) for number in (307, 308, 314))
    stack.ingest(*pictured, token(address(309), volume=TOP), ack=True)
    requested: list[str] = []

    def give(route: Route) -> None:
        url = route.request.url
        is_pending = address(314) in url and url not in requested
        requested.append(url)
        if is_pending:
            route.fulfill(status=503)
        elif address(308) in url:
            route.fulfill(status=404)
        else:
            route.fulfill(content_type="image/png", body=PIXEL)

    def configure(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"images_url": "/pictures"})

    avatar = "[data-id='{}'] .avatar"
    with watched.open(rows=False) as page:
        page.route("**/pictures/**", give)
        page.route("**/config.json", configure)
        page.reload()
        page.wait_for_selector(avatar.format(ident(307)) + "[data-image=true] img")
        page.wait_for_selector(avatar.format(ident(308)) + "[data-image=false]")
        assert page.locator(avatar.format(ident(308)) + " img").count() == 0
        assert page.inner_text(avatar.format(ident(308)) + " .letters") == "RO"
        shape = (
            "e => { const box = e.getBoundingClientRect(); return [box.x, box.width, box.height]; }"
        )
        boxes = [
            page.locator(avatar.format(ident(number))).evaluate(shape) for number in (307, 308, 309)
        ]
        page.wait_for_selector(avatar.format(ident(314)) + "[data-image=true] img")
        assert heard(page)
        watched.complaints = [
            each for each in watched.complaints if "404" not in each and "503" not in each
        ]

    assert boxes[0] == boxes[1] == boxes[2]  # nothing moved
    mine = {url.rsplit("/pictures")[-1] for url in requested if "PageTest" in url}
    assert mine >= {f"/solana/{address(307)}", f"/solana/{address(308)}"}
    assert f"/solana/{address(309)}" not in mine


def test_the_drawer_says_everything_in_words_and_where_links_lead(
    watched: Watched, stack: Demo
) -> None:
    stack.ingest(signalled(310, image="https://example.org/a.png"), ack=True)
    with watched.open(f"/?token={ident(310)}") as page:
        drawer = page.get_by_role("complementary", name="Details of")
        drawer.get_by_text("Mintable: an authority can still make more").wait_for()
        own = drawer.get_by_role("list", name="Pages of the token").get_by_role("link")
        reported = [each.inner_text().split("\n")[0].split() for each in own.all()]
        assert [each[:2] for each in reported] == [["Website", "example.org"], ["X", "x.com"]]
        links = drawer.locator(".outward a").all()
        assert [link.get_attribute("href") for link in links] == [
            f"https://solscan.io/token/{address(310)}",
            f"https://pump.fun/coin/{address(310)}",
            "https://www.example.org/a",
            "https://x.com/some",
        ]
        assert {link.get_attribute("rel") for link in links} == {"noopener noreferrer"}
        drawer.locator("[data-field=top_holders_pct]").wait_for()
        drawer.locator("[data-field=mint_revoked]").wait_for()
        drawer.locator("[data-field=image]").wait_for(state="attached")  # below "more fields"


def test_what_moved_is_shown_under_a_resting_pointer_until_it_is_clicked(
    watched: Watched, stack: Demo
) -> None:
    numbers = (311, 312, 313)
    stack.ingest(*(signalled(each, volume=TOP / each) for each in numbers), ack=True)
    with watched.open() as page:
        until(lambda: set(map(ident, numbers)) <= set(order(page)))
        page.hover(f"{ROWS} >> nth=8")
        until(lambda: page.evaluate("window.dexwire.market.isFrozen"))
        held = order(page)
        stack.ingest(signalled(313, volume=TOP * 1.1), ack=True)
        moved = page.get_by_role("button", name="Order held")
        moved.wait_for()
        assert "moved" in moved.inner_text()
        assert order(page) == held
        moved.hover()
        assert page.evaluate("window.dexwire.market.isFrozen")
        moved.click()
        until(lambda: order(page)[0] == ident(313))


def test_the_first_screen_is_what_is_trending_in_an_hour(watched: Watched, stack: Demo) -> None:
    with watched.open("/") as page:
        until(lambda: phase(page) == "live" and len(order(page)) == 100)
        assert page.inner_text("[aria-label=Window] [aria-pressed=true]") == "1h"
        head = page.get_by_role("columnheader", name="Rank: sort by Trending")
        assert head.get_attribute("aria-sort") == "descending"
        until(lambda: order(page)[:20] == trending(stack))
        page.click('[data-sort="liquidity"]')
        until(lambda: "sort=liquidity" in page.url)
        page.click('[data-sort="rank"]')
        until(lambda: "sort" not in page.url)


def trending(stack: Demo) -> list[str]:
    rows = stack.get("/discover?sort=trending&window=1h&limit=20")["tokens"]
    return [row["id"] for row in rows]


def test_chains_are_offered_by_how_many_tokens_they_have(watched: Watched, stack: Demo) -> None:
    with watched.open() as page:
        offered = "[...document.querySelectorAll('[aria-label=Chain] .chip')].map(e => e.innerText)"
        until(lambda: len(page.evaluate(offered)) > 3)
        counted = stack.get("/health")["chains"]
        assert list(counted.values()) == sorted(counted.values(), reverse=True)
        until(lambda: page.evaluate("window.dexwire.state.chains") == list(counted), 6)
