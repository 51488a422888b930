"""What waits to be posted: in order, in posts that the api takes, within a bound."""

from __future__ import annotations

import msgspec

from services.fetcher.outbox import BODY_MAX, Outbox, body_of
from shared.model import PoolReading, Reading


def reading(token: str, observed_ms: int = 1_000, pools: int = 0) -> Reading:
    return Reading(
        chain="solana",
        token_address=token,
        observed_ms=observed_ms,
        pools=tuple(PoolReading(pool_address="P" * 200, price=1.5) for _ in range(pools)),
    )


def taken(outbox: Outbox) -> list[tuple[str, int]]:
    """Take all that waits: token and time of each."""
    found: list[tuple[str, int]] = []
    while batch := outbox.take():
        sent = msgspec.json.decode(b"[%s]" % b",".join(batch), type=list[Reading])
        found += [(each.token_address, each.observed_ms) for each in sent]
    return found


def test_within_the_bound_every_reading_is_taken_in_its_order() -> None:
    outbox = Outbox()

    assert outbox.put([reading("A", 1), reading("B", 2), reading("A", 3)]) == {}

    assert taken(outbox) == [("A", 1), ("B", 2), ("A", 3)]
    assert len(outbox) == 0


def test_a_post_has_at_most_500_readings_and_256_kib() -> None:
    outbox = Outbox()
    outbox.put([reading(f"T{i}") for i in range(1_200)])
    assert outbox.full

    assert [len(outbox.take()) for _ in range(4)] == [500, 500, 200, 0]

    outbox.put([reading(f"T{i}", pools=30) for i in range(60)])
    bodies = [body_of("dexscreener", outbox.take()) for _ in range(3)]
    assert all(200_000 < len(body) <= BODY_MAX for body in bodies[:1])
    assert sum(len(msgspec.json.decode(body)["tokens"]) for body in bodies) == 60


def test_past_the_bound_the_newest_reading_of_each_token_stays() -> None:
    outbox = Outbox(bound=400)

    dropped = outbox.put(
        [reading("A", 1), reading("B", 2), reading("A", 9), reading("A", 4), *[reading("C", 5)] * 5]
    )

    assert dropped == {"superseded": 6}
    assert taken(outbox) == [("B", 2), ("A", 9), ("C", 5)]


def test_with_too_many_tokens_the_oldest_readings_leave() -> None:
    outbox = Outbox(bound=700)

    dropped = outbox.put([reading(f"T{i}", i) for i in range(20)])

    assert [token for token, _ in taken(outbox)] == [f"T{i}" for i in range(11, 20)]
    assert dropped == {"superseded": 0, "overflow": 11}


def test_a_reading_that_fits_into_no_post_is_dropped_alone() -> None:
    outbox = Outbox()

    assert outbox.put([reading("A"), reading("B", pools=1_200)]) == {"too_large": 1}

    assert taken(outbox) == [("A", 1_000)]
