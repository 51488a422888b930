"""The filter sheet, filters in force, presets and views as commands, in a real browser."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page

from tests.testkit.browser import ROWS, Watched, address, order, phase, token
from tests.testkit.page_audit import cut_off, serious
from tests.testkit.stack import Demo
from tests.testkit.wait import until

TRILLION = 1_000_000_000_000  # nothing in the demo is as liquid


def ids(*numbers: int) -> list[str]:
    return [f"solana:{address(number)}" for number in numbers]


def sheet(page: Page) -> Locator:
    page.keyboard.press("f")
    return page.get_by_role("dialog", name="Filters")


def chips(page: Page) -> list[str]:
    return [
        each.split(" \N{MULTIPLICATION SIGN}")[0]
        for each in page.locator(".active .chip").all_inner_texts()
    ]


def test_the_sheet_counts_before_it_is_applied_and_each_filter_can_be_removed(
    watched: Watched, stack: Demo
) -> None:
    stack.ingest(
        *(token(address(60 + n), liquidity=(n + 1.0) * TRILLION, volume=5.0) for n in range(3)),
        ack=True,
    )
    with watched.open() as page:
        dialog = sheet(page)
        dialog.get_by_label("Liquidity, at least").fill("2t")
        dialog.get_by_role("button", name="Show 2 tokens").wait_for()
        dialog.get_by_label("Liquidity, at most").fill("2.5t")
        dialog.get_by_label("Volume 24h, at most", exact=True).fill("$5")
        assert "min_liquidity" not in page.url
        dialog.get_by_role("button", name="Show 1 token").click()
        until(lambda: order(page) == ids(61))
        assert chips(page) == ["Liquidity $2T \N{EN DASH} $2.5T", "Volume 24h ≤ $5"]
        page.get_by_role("button", name="Remove the filter Liquidity $2T \N{EN DASH} $2.5T").click()
        until(lambda: len(order(page)) > 1 and chips(page) == ["Volume 24h ≤ $5"])
        assert "max_volume=5" in page.url
        page.get_by_role("button", name="Remove the filter Volume 24h ≤ $5").click()
        until(lambda: chips(page) == [] and len(order(page)) > 50)


def test_the_sheet_keeps_the_focus_says_what_is_no_number_and_esc_changes_nothing(
    watched: Watched,
) -> None:
    with watched.open() as page:
        dialog = sheet(page)
        least = dialog.get_by_label("Market cap, at least")
        least.fill("ten")
        assert least.get_attribute("aria-invalid") == "true"
        least.fill("1t")
        assert least.get_attribute("aria-invalid") == "false"
        dialog.get_by_role("button", name="Reset").click()
        assert least.input_value() == ""
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")  # past the last control: not into the page behind
        inside = "document.activeElement.closest('dialog') !== null"
        assert page.evaluate(f"{inside} || document.activeElement === document.body")
        least.fill("1t")
        page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        assert chips(page) == []


def test_what_the_server_refuses_is_named_in_the_sheet(watched: Watched) -> None:
    with watched.open() as page:
        refusal = {"code": "bad_protocol", "detail": "no such exchange", "param": "protocol"}
        page.route("**/discover?*protocol=*", lambda route: route.fulfill(status=400, json=refusal))
        dialog = sheet(page)
        dialog.get_by_label("Exchange").fill("nowhere")
        assert dialog.get_by_role("alert").inner_text() == "no such exchange"
        assert dialog.get_by_label("Exchange").get_attribute("aria-invalid") == "true"
        watched.complaints = [each for each in watched.complaints if "400" not in each]


def test_presets_have_keys_and_the_user_s_own_are_saved_renamed_and_deleted(
    watched: Watched,
) -> None:
    with watched.open() as page:
        page.keyboard.press("2")
        until(lambda: chips(page) == ["Liquidity ≥ $10K", "Age ≤ 1h"])
        shown = page.locator(".preset[aria-pressed=true]")
        assert shown.inner_text().endswith("New < 1 h, liquidity > 10k")
        page.goto(watched.url + "/?min_volume=5000&window=6h")
        page.wait_for_selector(ROWS)
        page.get_by_role("button", name="Save preset").click()
        dialog = page.get_by_role("dialog", name="Presets")
        dialog.get_by_label("Name of this preset").fill("Busy")
        dialog.get_by_role("button", name="Save").click()
        dialog.get_by_label("Name of Busy").fill("Very busy")
        dialog.get_by_label("Name of Busy").press("Tab")
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        until(lambda: "sort=newest" in page.url)
        page.reload()
        page.wait_for_selector(".preset >> text=Very busy")
        page.keyboard.press("6")
        until(lambda: "min_volume=5000" in page.url and "window=6h" in page.url)
        assert shown.inner_text().endswith("Very busy")
        page.get_by_role("button", name="Save preset").click()
        dialog.get_by_role("button", name="Delete Very busy").click()
        page.keyboard.press("Escape")
        assert page.locator(".preset >> text=Very busy").count() == 0


def test_a_view_is_copied_as_the_request_that_the_page_makes(watched: Watched, stack: Demo) -> None:
    requested: list[str] = []
    with watched.open() as page:
        page.on("request", lambda request: requested.append(request.url))
        page.goto(watched.url + "/?sort=liquidity&show=50&min_liquidity=20000")
        page.wait_for_selector(ROWS)
        page.get_by_role("button", name="Save preset").click()
        page.get_by_role("button", name="Copy as curl").click()
        copied = until(lambda: page.evaluate("navigator.clipboard.readText()"))
        command, url = copied.split(" ")
        assert command == "curl"
        assert url.strip("'") in requested
        parts = urlsplit(url.strip("'"))
        assert stack.get(f"{parts.path}?{parts.query}")["total"] > 5
        page.get_by_role("button", name="Copy link").click()
        until(lambda: page.evaluate("navigator.clipboard.readText()") == page.url)


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), ("light", 380)])
def test_axe_finds_nothing_serious_in_views_and_sheet_and_nothing_is_cut_off(
    watched: Watched, scheme: Literal["dark", "light"], width: int
) -> None:
    long = "/?min_liquidity=10&max_liquidity=999999999&min_volume=10&max_age_minutes=9999999"
    with watched.open(long, scheme=scheme, motion="reduce", width=width, height=760) as page:
        until(lambda: phase(page) == "live")
        page.keyboard.press("p")
        assert serious(page) == []
        dialog = sheet(page)
        dialog.get_by_role("button", name="tokens").wait_for()
        assert serious(page) == []
        for narrower in (width, 1024, 768, 380):
            page.set_viewport_size({"width": narrower, "height": 760})
            assert cut_off(page, ".views", ".active", ".sheet") == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Save preset").click()
        assert serious(page) == []
