"""The market is a pure function of seed and time, and its figures agree with each other."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.replay.market.market import Market, slice_of
from services.replay.market.model import HOUR_MS, WINDOW_MS, MarketToken
from services.replay.market.noise import smooth
from services.replay.routes import load_payloads
from tests.testkit.replay import NOON, SLOWNESS

PAYLOADS = load_payloads()
MARKET = Market(1, PAYLOADS, 1000)
LISTED = MARKET.listed["all"]

times = st.integers(NOON - 400 * 24 * HOUR_MS, NOON + 400 * 24 * HOUR_MS)
tokens = st.sampled_from(LISTED)


@given(tokens, times)
@settings(max_examples=30, deadline=None)
def test_the_same_seed_at_the_same_time_is_the_same_market(token: MarketToken, now_ms: int) -> None:
    other = Market(1, PAYLOADS, 1000)
    again = other.find(token.chain, token.canonical)
    assert again is not None
    ours, theirs = MARKET.at(now_ms), other.at(now_ms)
    assert [s.price for s in ours.states(token)] == [s.price for s in theirs.states(again)]
    assert [s.flows for s in ours.states(token)] == [s.flows for s in theirs.states(again)]
    assert [t.address for t in ours.newcomers] == [t.address for t in theirs.newcomers]


def test_earlier_requests_do_not_matter() -> None:
    fresh = Market(1, PAYLOADS, 1000).at(NOON)
    used = Market(1, PAYLOADS, 1000)
    used.at(NOON - 5 * HOUR_MS).rising("all", 50, 0)
    used.at(NOON + 5 * HOUR_MS).rising("all", 50, 0)
    shown = used.at(NOON).rising("all", 50, 0)
    assert [t.address for t in shown] == [t.address for t in fresh.rising("all", 50, 0)]


def test_another_seed_is_another_market_with_the_same_recorded_tokens() -> None:
    other = Market(2, PAYLOADS, 1000)
    ours = {token.address for token in LISTED}
    theirs = {token.address for token in other.listed["all"]}
    recorded = {token.address for token in LISTED if token.recorded}
    assert ours & theirs == recorded
    mint = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
    bonk, other_bonk = MARKET.find("solana", mint), other.find("solana", mint)
    assert bonk is not None
    assert other_bonk is not None
    assert MARKET.at(NOON).price(bonk, NOON) != other.at(NOON).price(other_bonk, NOON)


@given(tokens, times)
@settings(max_examples=200, deadline=None)
def test_a_longer_window_never_has_less_trade(token: MarketToken, now_ms: int) -> None:
    for state in MARKET.at(now_ms).states(token):
        flows = [state.flows[name] for name in WINDOW_MS]
        for shorter, longer in pairwise(flows):
            assert shorter.volume <= longer.volume
            assert shorter.buys <= longer.buys
            assert shorter.sells <= longer.sells
        assert all((flow.volume > 0) == (flow.trades > 0) for flow in flows)


@given(tokens, times)
@settings(max_examples=200, deadline=None)
def test_a_change_is_what_the_price_did(token: MarketToken, now_ms: int) -> None:
    snapshot = MARKET.at(now_ms)
    at_ms = snapshot.now_ms
    for state in (s for s in snapshot.states(token) if s.pool.base is token):
        for name, length in WINDOW_MS.items():
            change = state.changes[name]
            if change is not None:
                before = snapshot.price(token, max(state.created_ms, at_ms - length))
                now = snapshot.price(token, at_ms)
                assert now == pytest.approx(before * (1 + change / 100), rel=1e-9)


@given(tokens, times)
@settings(max_examples=200, deadline=None)
def test_no_price_drifts_away_from_its_anchor(token: MarketToken, now_ms: int) -> None:
    price = MARKET.at(now_ms).price(token, now_ms)
    assert token.price / 1000 < price < token.price * 1000


@given(st.integers(0, 2**64 - 1), st.floats(0, 1e6))
def test_noise_is_continuous(key: int, at: float) -> None:
    assert abs(smooth(key, at + 1e-6) - smooth(key, at)) < 1e-4


def test_most_prices_move_within_ten_seconds_and_stable_coins_hardly() -> None:
    early, late = NOON, NOON + 10_000
    moved = [
        t for t in LISTED if MARKET.at(late).price(t, late) != MARKET.at(early).price(t, early)
    ]
    assert len(moved) > len(LISTED) * 0.8
    usdc = MARKET.quotes["solana"][1]
    assert MARKET.at(NOON).price(usdc, NOON) == pytest.approx(1, rel=0.005)


def test_some_tokens_stand_still_for_an_hour_and_trade_again() -> None:
    def hourly(hour: int, token: MarketToken) -> float:
        states = MARKET.at(NOON + hour * HOUR_MS).states(token)
        return sum(state.flows["h1"].volume for state in states)

    busy = MARKET.leaders["all"][:20]
    history = [[hourly(hour, token) for hour in range(1, 25)] for token in busy]
    assert any(0.0 in volumes for volumes in history)
    assert all(max(volumes) > 0 for volumes in history)


def test_ranks_change() -> None:
    def ranked(now_ms: int) -> list[str]:
        snapshot = MARKET.at(now_ms)
        volumes = {
            token.address: sum(state.flows["h1"].volume for state in snapshot.states(token))
            for token in MARKET.leaders["all"][:30]
        }
        return sorted(volumes, key=lambda address: -volumes[address])

    assert ranked(NOON) != ranked(NOON + HOUR_MS)


def test_newcomers_arrive_and_are_forgotten() -> None:
    now = {token.address for token in MARKET.at(NOON).newcomers}
    soon = {token.address for token in MARKET.at(NOON + HOUR_MS // 4).newcomers}
    later = {token.address for token in MARKET.at(NOON + 2 * HOUR_MS).newcomers}
    assert len(now) == 120
    assert len(soon - now) == 60
    assert now & later == set()


def test_newcomers_trade_from_their_first_minute_until_they_die() -> None:
    quiet = []
    for minutes in range(0, 48 * 60, 67):
        snapshot = MARKET.at(NOON + minutes * 60_000)
        for token in snapshot.newcomers:
            if token.born_ms + 60_000 <= snapshot.now_ms < token.dies_ms:
                flows = [state.flows["m5"] for state in snapshot.states(token)]
                if sum(flow.volume for flow in flows) < 10 or max(f.trades for f in flows) < 2:
                    quiet.append(token.symbol)
    assert quiet == []


def test_the_size_is_what_was_set_but_never_less_than_the_recorded() -> None:
    assert Market(1, PAYLOADS, 1000).size == 1000
    assert Market(1, PAYLOADS, 0).size == len([t for t in LISTED if t.recorded])


def test_recorded_names_stay_as_hostile_as_they_were() -> None:
    whuf = MARKET.find("solana", "Hyn3TNGqTyz936vJDHAEgRP9krcVKSahFtXXE6Jv4vKu")
    assert whuf is not None
    assert (whuf.name, whuf.symbol) == ("Ethos", "WHUF")
    assert any(not token.symbol.isascii() for token in LISTED if token.recorded)


@given(st.integers(1, 40), st.integers(1, 300), st.integers(1, 66), st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_a_steady_poll_gets_to_every_token(size: int, count: int, step: int, first: int) -> None:
    some = LISTED[:count]
    polls = max(73, count // size * 2)
    turns = range(first, first + step * polls, step)
    seen = {token.key for turn in turns for token in slice_of(some, size, turn)}
    assert seen == {token.key for token in some}


@given(st.integers(1, 40), st.integers(1, 300), st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_pages_of_one_turn_are_the_whole_list_once(size: int, count: int, turn: int) -> None:
    some = LISTED[:count]
    pages = -(-count // size)
    shown = [t.key for page in range(1, pages + 2) for t in slice_of(some, size, turn, page)]
    assert sorted(shown) == sorted(token.key for token in some)


def test_twenty_thousand_tokens_start_within_two_seconds() -> None:
    began = time.process_time()
    market = Market(1, PAYLOADS, 20_000)
    assert market.size == 20_000
    assert time.process_time() - began < 2 * SLOWNESS  # measured: 0.4 s
