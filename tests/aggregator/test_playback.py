"""Windows by the time of a recording."""

from __future__ import annotations

import asyncio

import pytest

from services.aggregator.intake import Intake
from services.aggregator.memory import Memory
from services.aggregator.playback import MarketClock, Playback
from tests.testkit.wait import eventually

START = 1_795_262_400_000  # a multiple of 200


def message(at_ms: int, source: str = "playback", tokens: str = "") -> bytes:
    return (
        f'{{"at":1,"schema":1,"source":"{source}","batch_id":"b","sent_ms":{at_ms},'
        f'"tokens":[{tokens}]}}'
    ).encode()


def reading(address: str, at_ms: int) -> str:
    return f'{{"chain":"base","token_address":"{address}","observed_ms":{at_ms},"price":1.0}}'


async def windows(*messages: bytes) -> list[tuple[int, int]]:
    """Play messages; return at which times windows were cut, and how many tokens were known."""
    memory = Memory(1_000)
    playback = Playback(MarketClock(START), Intake(memory, include_quote_assets=False), 200)
    found: list[tuple[int, int]] = []
    stop = asyncio.Event()

    async def cut() -> None:
        found.append((playback.clock.now_ms() - START, len(memory)))

    for each in messages:
        playback.put(each)
    running = asyncio.create_task(playback.run(cut, stop))
    last = message(START + 10_000_000)
    playback.put(last)
    await eventually(lambda: playback.clock.now_ms() == START + 10_000_000)
    stop.set()
    await running
    return [each for each in found if each[0] < 9_000_000]


A, B = "0x" + "a" * 40, "0x" + "b" * 40


async def test_a_window_ends_where_the_messages_time_passes_a_multiple_of_its_length() -> None:
    found = await windows(
        message(START + 100, "jupiter", reading(A, START)),
        message(START + 399, "jupiter", reading(B, START)),
        message(START + 400),
    )

    # The first comes before 200, the second after it and before 400.
    assert found[:3] == [(200, 1), (400, 2), (600, 2)]


async def test_how_often_the_time_is_said_changes_no_window() -> None:
    readings = [message(START + at, "jupiter", reading(A, START)) for at in (50, 450, 950)]
    often = [message(START + at) for at in range(10, 1_000, 10)]

    spoken = sorted([*readings, *often], key=lambda data: int(data.split(b'"sent_ms":')[1][:13]))

    assert await windows(*spoken) == await windows(*readings)


async def test_a_producers_time_moves_nothing() -> None:
    posted = message(START + 5_000_000, "ingest:bot", reading(A, START))

    assert (await windows(posted))[0] == (200, 1)


async def test_a_message_of_far_ahead_is_one_gap() -> None:
    found = await windows(message(START + 8_000_000))

    assert [at for at, _ in found if at < 8_000_000] == [200]


@pytest.mark.parametrize("junk", [b"", b"{", b'{"at":1,"sent_ms":"x"}', message(10**18)])
async def test_junk_moves_nothing(junk: bytes) -> None:
    assert (await windows(junk))[0] == (200, 0)


def test_the_markets_clock_moves_on_and_only_when_it_is_moved() -> None:
    clock = MarketClock(START)
    clock.set(5)
    clock.move_to(START - 1)
    assert clock.now_ms() == START

    clock.move_to(START + 1)
    assert clock.now_ms() == START + 1
