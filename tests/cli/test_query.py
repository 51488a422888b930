"""`dexwire query` takes what the api takes, and no proxy is used for what runs here."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from dexwire import Client, ClientError
from dexwire.client.proxies import is_here, proxy_variable
from dexwire.runfile import Running
from services.api.documents.openapi import openapi
from tests.testkit.process import Process

Spawn = Callable[..., Process]
SOCKS = "socks5://127.0.0.1:9"


def test_every_documented_parameter_is_an_option(spawn_dexwire: Spawn) -> None:
    documented = openapi()["paths"]["/discover"]["get"]["parameters"]
    options = {f"--{one['name'].replace('_', '-')}" for one in documented if one["in"] == "query"}
    process = spawn_dexwire("query", "--help", env={"COLUMNS": "200", "TERM": "dumb"})
    process.wait()

    listed = {word.rstrip(",") for word in process.output().split() if word.startswith("--")}
    assert listed - {"--all", "--asc", "--json", "--url", "--help"} == options


def test_all_walks_every_page_that_the_filters_leave(spawn_dexwire: Spawn, demo: Running) -> None:
    # Of a chain: no row leaves this filter while the market goes on.
    words = ("--all", "--limit", "10", "--chain", "solana", "--json", "--url", demo.api)
    process = spawn_dexwire("query", *words)

    assert process.wait(20) == 0, process.output()
    pages = [json.loads(line) for line in process.lines()]
    ids = [row["id"] for page in pages for row in page["tokens"]]
    assert len(pages) > 1
    assert len(ids) == len(set(ids)) == pages[0]["total"]


def test_a_cursor_goes_on_where_a_page_ended(spawn_dexwire: Spawn, demo: Running) -> None:
    def page(*words: str) -> dict[str, list[dict[str, str]]]:
        process = spawn_dexwire("query", "--limit", "5", "--json", "--url", demo.api, *words)
        assert process.wait() == 0, process.output()
        found: dict[str, list[dict[str, str]]] = json.loads(process.output())
        return found

    first = page()
    second = page("--cursor", str(first["nextCursor"]))
    assert len(second["tokens"]) == 5
    assert {row["id"] for row in first["tokens"]}.isdisjoint(row["id"] for row in second["tokens"])


def test_quote_adds_the_price_in_the_chains_own_coin(spawn_dexwire: Spawn, demo: Running) -> None:
    words = ("query", "--chain", "solana", "--quote", "SOL", "--limit", "5", "--url", demo.api)
    process = spawn_dexwire(*words, "--json")
    assert process.wait(20) == 0, process.output()
    page = json.loads(process.output())
    shown = spawn_dexwire(*words)
    assert shown.wait(20) == 0, shown.output()

    coin = page["native_prices"]["solana"]["price"]
    priced = [row for row in page["tokens"] if "price" in row]
    assert [row["price_native"] * coin for row in priced] == pytest.approx(
        [row["price"] for row in priced], rel=1e-8
    )
    assert "in SOL" in shown.output()


# -- proxies (the shared cases' h3-60) -------------------------------------------------------------
@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"])
@pytest.mark.parametrize("value", [SOCKS, "http://127.0.0.1:9"])
def test_what_runs_here_is_requested_directly(
    spawn_dexwire: Spawn, demo: Running, name: str, value: str
) -> None:
    env = {name: value}
    page = spawn_dexwire("query", "--limit", "1", "--url", demo.api, env=env)
    top = spawn_dexwire("top", "--url", demo.api, "--ws-url", f"{demo.ws}/ws", env=env)

    assert page.wait(20) == 0, page.output()
    assert top.wait(20) == 0, top.output()


@pytest.mark.parametrize("name", ["ALL_PROXY", "http_proxy"])
@pytest.mark.parametrize("value", [SOCKS, "http://127.0.0.1:9"])
def test_a_proxy_that_does_not_work_is_named(spawn_dexwire: Spawn, name: str, value: str) -> None:
    page = spawn_dexwire("query", "--url", "http://dexwire.invalid:8000", env={name: value})
    tail = spawn_dexwire("tail", "all", "--ws-url", "ws://dexwire.invalid/ws", env={name: value})

    for process in (page, tail):
        assert process.wait(20) == 1
        last_line = process.lines()[-1]
        assert last_line.startswith("dexwire: ")
        assert name in last_line
        assert "Traceback" not in process.output()


def test_the_client_raises_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:secret@127.0.0.1:9")
    with pytest.raises(ClientError, match="ALL_PROXY: this proxy cannot be used") as caught:
        Client("https://dexwire.invalid")
    assert "secret" not in str(caught.value)
    Client("http://localhost:8000")


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.8.8.8", True),
        ("ws://[::1]:8001/ws", True),
        ("http://[::ffff:127.0.0.1]", True),
        ("https://LOCALHOST", True),
        ("http://api.localhost:8000", True),
        ("http://0.0.0.0:8000", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example.org", False),
    ],
)
def test_what_this_machine_is(url: str, here: bool) -> None:  # noqa: FBT001
    assert is_here(url) is here


def test_no_proxy_and_the_more_exact_variable_count() -> None:
    environ = {"ALL_PROXY": SOCKS, "https_proxy": SOCKS, "NO_PROXY": "example.org, .corp"}

    assert proxy_variable("http://example.com", environ) == "ALL_PROXY"
    assert proxy_variable("https://example.com", environ) == "https_proxy"
    assert proxy_variable("wss://a.example.com/ws", environ) == "https_proxy"
    assert proxy_variable("https://www.example.org", environ) is None
    assert proxy_variable("https://a.corp", environ) is None
