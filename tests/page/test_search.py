"""Search and limits in a real browser: live, from the server, in plain words when refused."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route

from tests.testkit.browser import BY_VOLUME, Watched, address, cell, heard, order, token
from tests.testkit.stack import Demo
from tests.testkit.wait import until

TRILLION = 1_000_000_000_000  # nothing in the demo is as liquid
COPIES = "[data-kind=copycat]"
ABOVE = f"{BY_VOLUME}&min_liquidity={TRILLION}"


def ids(*numbers: int) -> list[str]:
    return [f"solana:{address(number)}" for number in numbers]


def found(stack: Demo, path: str) -> list[str]:
    return [row["id"] for row in stack.get(path)["tokens"]]


def search(page: Page, text: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(text)


def test_a_token_that_no_list_shows_is_found_and_its_price_is_live(
    watched: Watched, stack: Demo
) -> None:
    small = token(address(40), token_ticker="QZXV", volume=0.25)
    stack.ingest(small, ack=True)
    with watched.open() as page:
        assert ids(40)[0] not in order(page)
        search(page, "qzx")
        until(lambda: order(page) == ids(40))
        until(lambda: page.inner_text(".counted").endswith("match, the best match first"))
        stack.ingest({**small, "price": 77.0}, ack=True)
        until(lambda: cell(page, ids(40)[0], "price") == "$77.00", 1.5)


COUNTS = """() => {
    window.counts = new Set();
    const look = () => {
        window.counts.add(document.querySelector(".counted").textContent);
        requestAnimationFrame(look);
    };
    look();
}"""


def test_the_figures_beside_a_search_are_of_its_own_rows_in_every_frame(
    watched: Watched, stack: Demo
) -> None:
    stack.ingest(token(address(45), token_ticker="QYXV", volume=0.25), ack=True)
    with watched.open() as page:
        until(lambda: " shown of " in page.inner_text(".counted"))
        page.evaluate(COUNTS)
        page.keyboard.press("/")
        page.keyboard.insert_text("qyxv")
        until(lambda: page.inner_text(".counted").endswith("match, the best match first"))
        counts = page.evaluate("[...window.counts]")
    named = [count for count in counts if "best match first" in count]
    assert named
    assert all(re.match(r"1 of [0-9,]+ match, ", count) for count in named)


def test_the_best_match_is_first_and_copies_of_a_ticker_are_marked(
    watched: Watched, stack: Demo
) -> None:
    now_ms = int(time.time() * 1000)
    named = {"token_ticker": "TWIN", "volume": 0.25}
    stack.ingest(
        token(address(41), **named, liquidity=100.0, created_ms=now_ms - 9_000),
        token(address(42), **named, liquidity=90_000.0, created_ms=now_ms - 90_000),
        token(address(43), **named, liquidity=500.0, created_ms=now_ms - 5_000),
        token(address(44), **{**named, "token_ticker": "TWINS"}, liquidity=9e6),
        ack=True,
    )
    with watched.open() as page:
        search(page, "$twin")
        until(lambda: order(page) == ids(42, 43, 41, 44))
        until(lambda: alike(page, 42) == "first of 3")
        until(lambda: alike(page, 41) == "one of 3")
        assert page.locator(f'[data-id="{ids(44)[0]}"] {COPIES}').count() == 0
        page.click('[data-sort="age"]')  # a column chosen is the order, and in the address
        until(lambda: order(page)[:3] == ids(43, 41, 42) and "sort=newest" in page.url)


def alike(page: Page, number: int) -> str:
    return page.inner_text(f'[data-id="{ids(number)[0]}"] {COPIES}')


def test_what_is_found_is_what_the_server_finds_in_its_order(watched: Watched, stack: Demo) -> None:
    with watched.open("/?q=s") as page:
        box = page.locator("input[type=search]")
        assert box.input_value() == "s"
        until(lambda: order(page) == found(stack, "/search?q=s&limit=100"))
        for text in ("pe", "bonk"):
            box.fill(text)
            until(lambda text=text: order(page) == found(stack, f"/search?q={text}&limit=100"))  # type: ignore[misc]


def test_typing_asks_when_the_keys_rest(watched: Watched) -> None:
    with watched.open() as page:
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.keyboard.press("/")
        page.keyboard.type("sol bear", delay=15)
        until(lambda: heard(page) and any("/search?q=sol+bear" in url for url in requests))

    assert len([url for url in requests if "/search" in url]) <= 3


def test_a_row_leaves_when_it_fails_the_limits_and_one_that_meets_them_comes_in(
    watched: Watched, stack: Demo
) -> None:
    rich = {"volume": 0.25, "liquidity": 2.0 * TRILLION}
    stack.ingest(token(address(45), **rich), token(address(46), **rich), ack=True)
    with watched.open(ABOVE) as page:
        until(lambda: sorted(order(page)) == ids(45, 46))
        until(lambda: re.fullmatch(r"2 of [0-9,]+ match", page.inner_text(".counted")))
        stack.ingest(token(address(45), **{**rich, "liquidity": 5.0}), ack=True)
        until(lambda: order(page) == ids(46), 1.5)  # by the stream: at once
        stack.ingest(token(address(47), **rich), ack=True)
        until(lambda: sorted(order(page)) == ids(46, 47), 4)  # by asking: within 3 s and a bit
        until(lambda: page.inner_text(".counted").startswith("2 of"))


def test_limits_are_over_all_tokens_and_equal_to_the_server_s_list(
    watched: Watched, stack: Demo
) -> None:
    where = "sort=liquidity&window=1h&chain=solana&min_volume=1000&min_liquidity=10000"
    with watched.open(f"/?{where}&max_age_hours=9000&show=200") as page:
        path = f"/discover?{where}&max_age_minutes=540000&limit=100"
        until(lambda: order(page)[:50] == found(stack, path)[:50])
        assert len(order(page)) >= 20
        assert page.inner_text(".active li >> nth=0").startswith("Liquidity ≥ $10K")
        assert page.inner_text(".active li >> nth=1").startswith("Age ≤ ")


def test_an_address_restores_search_and_limits_and_back_undoes_them(
    watched: Watched, stack: Demo
) -> None:
    made = {"token_ticker": "LIMITED", "volume": 3.0, "liquidity": 2.0 * TRILLION}
    stack.ingest(
        token(address(48), **made), token(address(49), **{**made, "volume": 1.0}), ack=True
    )
    with watched.open(f"{ABOVE}&q=limited&order=asc") as page:
        until(lambda: order(page) == ids(49, 48))
        assert page.input_value("input[type=search]") == "limited"
        page.wait_for_selector('[aria-sort="ascending"] [data-sort="volume"]')
        page.reload()
        until(lambda: order(page) == ids(49, 48))
        page.keyboard.press("f")
        page.get_by_label("Volume 24h, at least", exact=True).fill("1k")
        page.get_by_role("button", name="Show 0 tokens").click()
        page.wait_for_selector(".notice >> text=is called “limited”")
        page.click(".notice >> text=Without filters")
        until(lambda: order(page) == ids(49, 48) and "min_liquidity" not in page.url)
        page.go_back()
        page.go_back()
        until(lambda: order(page) == ids(49, 48) and "min_volume" not in page.url)
        assert f"min_liquidity={TRILLION}" in page.url


def test_a_question_that_the_server_refuses_names_what_is_wrong(watched: Watched) -> None:
    words = quote(" ".join("abcdefghijklmnopq"))
    with watched.open(f"/?q={words}", rows=False) as page:
        page.wait_for_selector(".notice >> text=Invalid request: q")
        assert "1 to 16 words" in page.inner_text(".notice")
        assert page.get_attribute("input[type=search]", "aria-invalid") == "true"
        page.click(".notice >> text=Reset")
        until(lambda: len(order(page)) > 50)
        watched.complaints = [each for each in watched.complaints if "400" not in each]


@pytest.mark.parametrize(
    ("status", "code", "heading"),
    [(503, "warming", "The list is being built up"), (429, "rate", "Too many requests")],
)
def test_a_busy_server_is_reported_and_called_again_when_it_says(
    watched: Watched, status: int, code: str, heading: str
) -> None:
    answer: dict[str, Any] = {
        "status": status,
        "headers": {"retry-after": "1"},
        "json": {"code": code, "detail": "not now", "status": status},
    }
    refused: list[Route] = []

    def refuse(route: Route) -> None:
        refused.append(route)
        route.fulfill(**answer)

    with watched.open() as page:
        page.route("**/search?*", refuse)
        search(page, "zz no such thing")
        page.wait_for_selector(f".notice >> text={heading}")
        assert "tries again by itself, in" in page.inner_text(".notice")
        until(lambda: heard(page) and len(refused) >= 2)  # it tries again
        page.unroute("**/search?*")
        page.wait_for_selector(".notice >> text=is called")
        watched.complaints = [each for each in watched.complaints if str(status) not in each]
