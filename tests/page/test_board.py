"""The board in a real browser: three live columns, each with filters and sort of its own."""

from __future__ import annotations

import time
from typing import Literal

import pytest
from playwright.sync_api import Page

from tests.testkit.browser import Watched, address, phase, token
from tests.testkit.page_audit import cut_off, serious
from tests.testkit.stack import Demo
from tests.testkit.wait import until

BILLION = 1_000_000_000
# Above all that the demo has in the column of those on their curve.
CURVE = {"stage": "curve", "launchpad": "testpad", "liquidity": 2.0 * BILLION}
ONLY_OURS = "curve.min_liquidity=1000000000&graduated.min_liquidity=1000000000"


def ids(*numbers: int) -> list[str]:
    return [f"solana:{address(number)}" for number in numbers]


def shown(page: Page, column: str) -> list[str]:
    """Return the ids of a column, in order; none before the page runs."""
    script = "key => [...(window.dexwire?.board?.lists[key].shown() ?? [])]"
    found: list[str] = page.evaluate(script, column)
    return found


def card(page: Page, number: int, part: str) -> str:
    return page.inner_text(f'.card[data-id="{ids(number)[0]}"] {part}')


def test_a_token_is_new_climbs_its_curve_and_graduates_before_one_s_eyes(
    watched: Watched, stack: Demo
) -> None:
    now_ms = int(time.time() * 1000)
    stack.ingest(
        token(address(90), **CURVE, graduation_pct=40.0, created_ms=now_ms),
        token(address(91), **CURVE, graduation_pct=60.0, created_ms=now_ms - 1),
        ack=True,
    )
    with watched.open(f"/?view=board&{ONLY_OURS}", rows=False) as page:
        until(lambda: set(ids(90, 91)) <= set(shown(page, "new")))
        until(lambda: shown(page, "curve") == ids(91, 90))
        until(lambda: card(page, 90, ".climbed >> nth=0") == "40%")
        stack.ingest(token(address(90), **CURVE, graduation_pct=90.0, market_cap=5e6), ack=True)
        until(lambda: shown(page, "curve") == ids(90, 91))
        until(lambda: card(page, 90, ".cap dd >> nth=0") == "$5.00M")
        graduated = {**CURVE, "stage": "graduated", "graduated_ms": now_ms}
        stack.ingest(token(address(90), **graduated, graduation_pct=100.0), ack=True)
        until(lambda: shown(page, "curve") == ids(91), 5)
        until(lambda: shown(page, "graduated") == ids(90), 5)


def test_a_column_has_filters_and_a_sort_of_its_own_in_the_address(
    watched: Watched, stack: Demo
) -> None:
    stack.ingest(
        token(address(92), **CURVE, graduation_pct=10.0, dev_pct=1.0),
        token(address(93), **CURVE, graduation_pct=20.0, dev_pct=9.0),
        ack=True,
    )
    with watched.open(f"/?view=board&{ONLY_OURS}&curve.sort=liquidity", rows=False) as page:
        until(lambda: set(ids(92, 93)) <= set(shown(page, "curve")))
        page.get_by_label("Sort On curve by").select_option("graduation_pct")
        page.get_by_role("button", name="Filters of On curve").click()
        dialog = page.get_by_role("dialog", name="Filters of On curve")
        assert dialog.get_by_role("group", name="Stage").count() == 0  # it is the column's
        dialog.get_by_label("Dev holds, at least").fill("1")
        dialog.get_by_label("Dev holds, at most").fill("5")
        dialog.get_by_role("button", name="Show 1 token").click()
        until(lambda: shown(page, "curve") == ids(92))
        assert "curve.max_dev_pct=5" in page.url
        assert "curve.sort" not in page.url  # it is the usual one again
        page.reload()
        until(lambda: shown(page, "curve") == ids(92))
        page.locator("#column-curve .active button >> nth=1").click()  # the range of dev
        until(lambda: ids(93)[0] in shown(page, "curve"))
        until(lambda: len(shown(page, "new")) == 50)
        page.get_by_role("button", name="Save preset").click()
        page.get_by_role("button", name="Copy as curl").click()
        copied = until(lambda: page.evaluate("navigator.clipboard.readText()"))
        assert [line.split("sort=")[1].split("&")[0] for line in copied.splitlines()] == [
            "newest",
            "graduation_pct",
            "graduated",
        ]


def test_keys_walk_the_board_and_a_resting_pointer_holds_a_column(
    watched: Watched, stack: Demo
) -> None:
    held = token(address(94), **CURVE, graduation_pct=99.0)
    stack.ingest(held, token(address(95), **CURVE, graduation_pct=98.0), ack=True)
    with watched.open("/?curve.min_liquidity=1000000000") as page:
        page.keyboard.press("b")
        until(lambda: shown(page, "curve")[:2] == ids(94, 95))
        assert "view=board" in page.url
        page.keyboard.press("ArrowRight")
        page.keyboard.press("j")
        page.wait_for_selector(f'#column-curve .card.selected[data-id="{ids(95)[0]}"]')
        page.keyboard.press("Enter")
        page.wait_for_selector(".drawer")
        page.keyboard.press("Escape")
        page.hover("#column-curve .card >> nth=0")
        until(lambda: page.evaluate("window.dexwire.board.lists.curve.isFrozen"))
        stack.ingest({**held, "graduation_pct": 97.0}, ack=True)
        page.wait_for_selector("#column-curve .moved >> text=moved")
        page.hover("#column-curve .moved")  # it stays under the pointer, to be clicked
        assert page.evaluate("window.dexwire.board.lists.curve.isFrozen")
        assert shown(page, "curve")[:2] == ids(94, 95)
        page.mouse.move(5, 5)
        until(lambda: shown(page, "curve")[:2] == ids(95, 94))
        page.keyboard.press("/")
        page.keyboard.type("zz no such token")  # found in the list, back on the board
        page.wait_for_selector(".notice >> text=is called")
        search = page.get_by_label("Search all tokens")
        search.blur()
        page.keyboard.press("b")
        page.wait_for_selector(".board")
        search.fill("zz no such token either")  # from the board, while words are there already
        page.wait_for_selector(".notice >> text=token either")
        search.fill("")
        page.wait_for_selector(".board")


def test_a_phone_has_a_tab_for_each_column(watched: Watched) -> None:
    with watched.open("/?view=board", width=380, height=760, rows=False) as page:
        page.wait_for_selector("#column-new .card")
        assert page.locator(".column:visible").count() == 1
        page.get_by_role("tab", name="Graduated").click()
        page.locator("#column-graduated:visible").wait_for()
        assert page.locator("#column-new").is_hidden()
        page.keyboard.press("ArrowLeft")
        assert page.get_by_role("tab", selected=True).inner_text().startswith("On curve")


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), ("light", 380)])
def test_axe_finds_nothing_serious_on_the_board_and_nothing_is_cut_off(
    watched: Watched, stack: Demo, scheme: Literal["dark", "light"], width: int
) -> None:
    stack.ingest(token(address(96), **CURVE, graduation_pct=50.0, market_cap=9e14), ack=True)
    path = "/?view=board&new.min_liquidity=1&new.max_liquidity=9999999999&new.not=suspicious,thin"
    with watched.open(path, scheme=scheme, motion="reduce", width=width, rows=False) as page:
        until(lambda: phase(page) == "live")
        page.wait_for_selector(".card")
        page.keyboard.press("p")
        assert serious(page) == []
        for narrower in (width, 1280, 1024, 768, 380):
            page.set_viewport_size({"width": narrower, "height": 760})
            assert cut_off(page, ".board", ".filters") == []
