"""Ranked lists: what a commit says of them, since when they are known, how many are kept."""

from __future__ import annotations

from typing import Any

import pytest

from services.ws.core import register
from services.ws.core.register import LINGER_MS, Full
from tests.testkit.commits import Ledger, token
from tests.testkit.hub import FakeGateway, enter

LIST = "list:volume:5m:desc:*:10"


@pytest.fixture
def ledger() -> Ledger:
    """Twelve tokens by volume: T11 leads, T0 and T1 are below the ten."""
    ledger = Ledger()
    for n in range(12):
        ledger.commit(token(f"T{n}", volume_5m=n * 10))
    return ledger


@pytest.fixture
def gateway(ledger: Ledger) -> FakeGateway:
    return FakeGateway(ledger)


def only(frames: list[dict[str, Any]]) -> dict[str, Any]:
    (frame,) = frames
    return frame


def names(ids: list[str]) -> list[str]:
    return [ident.removeprefix("solana:") for ident in ids]


def test_a_snapshot_has_the_rows_in_order(gateway: FakeGateway) -> None:
    _, sink = enter(gateway, LIST)

    frame = only(sink.drain())

    assert names(frame["ids"]) == [f"T{n}" for n in range(11, 1, -1)]
    assert [row["id"] for row in frame["rows"]] == frame["ids"]


def test_a_change_that_moves_nobody_says_no_order(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, LIST)
    sink.drain()

    gateway.follow(ledger.commit(token("T5", volume_5m=51)))

    frame = only(sink.drain())
    assert (frame["pv"], frame["v"]) == (12, 13)
    assert frame["set"][0]["volume_5m"] == 51
    assert "ids" not in frame
    assert "add" not in frame


def test_an_entrant_comes_whole_and_leaving_is_implied(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    _, sink = enter(gateway, LIST)
    sink.drain()

    gateway.follow(ledger.commit(token("T0", volume_5m=999)))

    frame = only(sink.drain())
    assert names(frame["ids"]) == ["T0", *(f"T{n}" for n in range(11, 2, -1))]
    assert [row["id"] for row in frame["add"]] == ["solana:T0"]
    assert "set" not in frame
    assert "del" not in frame


def test_who_enters_because_another_was_removed_comes_whole_though_it_did_not_change(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    _, sink = enter(gateway, LIST)
    sink.drain()

    gateway.follow(ledger.commit(remove=["solana:T9"]))

    frame = only(sink.drain())
    assert names(frame["ids"])[-1] == "T1"
    assert [(row["id"], row["rv"]) for row in frame["add"]] == [("solana:T1", 2)]


def test_what_happens_below_the_list_is_not_sent(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, LIST)
    sink.drain()

    gateway.follow(ledger.commit(token("T0", volume_5m=1)))

    assert sink.drain() == []


def test_a_list_of_a_chain_has_only_its_rows(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, "list:volume:5m:asc:base:10")
    sink.drain()

    gateway.follow(ledger.commit(token("T3", volume_5m=0)))
    gateway.follow(ledger.commit(token("0xA", "base", volume_5m=7)))

    frame = only(sink.drain())
    assert (frame["pv"], frame["v"], frame["ids"]) == (12, 14, ["base:0xA"])


def test_lists_of_other_lengths_share_nothing_but_the_order(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    _, sink = enter(gateway, LIST, LIST.replace(":10", ":25"))
    sink.drain()

    gateway.follow(ledger.commit(token("T0", volume_5m=5)))

    assert [frame["k"] for frame in sink.drain()] == [LIST.replace(":10", ":25")]


def test_a_page_of_this_version_needs_no_snapshot(ledger: Ledger, gateway: FakeGateway) -> None:
    _, sink = enter(gateway, LIST, since=("e1", 12))

    gateway.follow(ledger.commit(token("T5", volume_5m=51)))

    assert [(f["t"], f["pv"], f["v"]) for f in sink.drain()] == [("d", 12, 13)]


def test_a_cursor_older_than_the_list_gets_a_snapshot(gateway: FakeGateway) -> None:
    _, sink = enter(gateway, LIST, since=("e1", 11))

    assert [f["t"] for f in sink.drain()] == ["snap"]


def test_who_comes_back_to_a_list_that_was_kept_gets_what_he_missed(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    member, _ = enter(gateway, LIST)
    gateway.hub.leave(member)
    gateway.follow(ledger.commit(remove=["solana:T9"]))
    gateway.follow(ledger.commit(token("T0", volume_5m=1)))

    _, sink = enter(gateway, LIST, since=("e1", 12))

    frame = only(sink.drain())
    assert (frame["t"], frame["pv"], frame["v"], frame["cf"]) == ("d", 12, 14, 2)
    assert [row["id"] for row in frame["add"]] == ["solana:T1"]
    assert names(frame["ids"])[-1] == "T1"


def test_a_list_without_subscribers_is_given_up_after_a_while(gateway: FakeGateway) -> None:
    member, _ = enter(gateway, LIST)
    gateway.hub.leave(member)

    gateway.world.now += LINGER_MS - 1
    gateway.beat()
    assert list(gateway.hub.rooms) == [LIST]
    gateway.world.now += 1
    gateway.beat()

    assert len(gateway.hub.rooms) == 0


def test_so_many_lists_are_kept_and_idle_ones_make_place(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "LISTS", 2)
    first, _ = enter(gateway, LIST)
    enter(gateway, LIST.replace("5m", "1h"))

    with pytest.raises(Full):
        enter(gateway, LIST.replace("5m", "6h"))
    gateway.hub.leave(first)
    enter(gateway, LIST.replace("5m", "6h"))

    assert list(gateway.hub.rooms) == [LIST.replace("5m", "1h"), LIST.replace("5m", "6h")]


def test_one_address_has_a_share_of_the_lists(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "LISTS_PER_ADDRESS", 1)
    first, _ = enter(gateway, LIST, address="192.0.2.1")

    with pytest.raises(Full, match="one address"):
        enter(gateway, LIST.replace("5m", "1h"), address="192.0.2.1")
    enter(gateway, LIST, address="192.0.2.1")  # it is there already
    enter(gateway, LIST.replace("5m", "6h"), address="192.0.2.2")
    gateway.hub.leave(first)

    assert list(gateway.hub.rooms) == [LIST, LIST.replace("5m", "6h")]


def test_who_waited_for_a_load_and_finds_no_place_is_reported(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "LISTS", 1)
    gateway.world.is_loaded = False
    _, one = enter(gateway, LIST)
    _, two = enter(gateway, LIST.replace("5m", "1h"))
    gateway.world.is_loaded = True

    gateway.sweep()

    assert [f["t"] for f in one.drain()] == ["snap"]
    assert [(f["t"], f["code"], f["retry"]) for f in two.drain()] == [("err", "busy", True)]


def test_a_slow_reader_gets_one_folded_diff_with_the_order(
    ledger: Ledger, gateway: FakeGateway
) -> None:
    _, sink = enter(gateway, LIST, room=300)
    for n in range(20):
        gateway.follow(ledger.commit(token("T0", volume_5m=200 + n)))
    sink.drain()

    gateway.sweep()

    opening, frame = sink.drain()
    assert (opening["t"], opening["v"]) == ("hb", 12)
    assert (frame["pv"], frame["v"], frame["cf"]) == (12, 32, 20)
    assert names(frame["ids"])[0] == "T0"
    assert [row["id"] for row in frame["add"]] == ["solana:T0"]


def test_a_trending_list_follows_everything_that_its_score_is_made_of(ledger: Ledger) -> None:
    traded: dict[str, Any] = {
        "volume_1h": 50_000,
        "liquidity": 20_000,
        "created_ms": 0,
        "observed_ms": 0,
    }
    for n in range(12):
        ledger.commit(token(f"T{n}", traders_1h=100 + n, **traded))
    gateway = FakeGateway(ledger)
    _, sink = enter(gateway, "list:trending:1h:desc:*:10")
    assert names(only(sink.drain())["ids"]) == [f"T{n}" for n in range(11, 1, -1)]

    gateway.follow(ledger.commit(token("T0", net_buyers_1h=50)))
    assert names(only(sink.drain())["ids"])[0] == "T0"

    gateway.follow(ledger.commit(token("T0", flags=["drained"])))
    assert names(only(sink.drain())["ids"])[0] == "T11"
