"""What waits for a slow consumer: folded, bounded, and still the truth."""

from __future__ import annotations

from dexwire.client.buffer import Buffer
from dexwire.client.events import Alert, Diff, Event, Gap, Snapshot, State


def rest(buffer: Buffer) -> list[Event]:
    """Everything that waits."""
    found = []
    while (event := buffer.take()) is not None:
        found.append(event)
    return found


def alert(number: int) -> Alert:
    return Alert(topic="alerts", version=number, key=f"{number}.0", kind="price", token_id="s:A")


def test_diffs_of_a_topic_wait_as_one() -> None:
    buffer = Buffer()
    buffer.put(Diff(topic="all", prev=1, version=2, set=[{"id": "s:A", "price": 1.0}]))
    buffer.put(Diff(topic="all", prev=2, version=3, set=[{"id": "s:A", "liquidity": 5.0}]))
    buffer.put(Diff(topic="all", prev=3, version=4, add=[{"id": "s:B", "price": 2.0}], commits=2))

    assert rest(buffer) == [
        Diff(
            topic="all",
            prev=1,
            version=4,
            set=[{"id": "s:A", "price": 1.0, "liquidity": 5.0}],
            add=[{"id": "s:B", "price": 2.0}],
            commits=4,
        )
    ]


def test_a_row_that_came_and_went_is_only_gone() -> None:
    buffer = Buffer()
    buffer.put(Diff(topic="all", prev=1, version=2, add=[{"id": "s:A", "price": 1.0}]))
    buffer.put(Diff(topic="all", prev=2, version=3, set=[{"id": "s:A", "price": None}]))
    buffer.put(Diff(topic="all", prev=3, version=4, removed=["s:A"]))

    (event,) = rest(buffer)

    assert event == Diff(topic="all", prev=1, version=4, removed=["s:A"], commits=3)


def test_a_row_that_went_and_came_is_whole() -> None:
    buffer = Buffer()
    buffer.put(Diff(topic="all", prev=1, version=2, removed=["s:A"]))
    buffer.put(Diff(topic="all", prev=2, version=3, add=[{"id": "s:A", "price": 1.0}]))

    (event,) = rest(buffer)

    assert event == Diff(
        topic="all", prev=1, version=3, add=[{"id": "s:A", "price": 1.0}], commits=2
    )


def test_diffs_after_a_waiting_snapshot_become_part_of_it() -> None:
    buffer = Buffer()
    buffer.put(Diff(topic="l", prev=1, version=2, removed=["s:X"]))
    a, b = {"id": "s:A"}, {"id": "s:B", "price": 1.0}
    buffer.put(Snapshot(topic="l", epoch="e", version=5, rows=[a], ids=["s:A"]))  # type: ignore[list-item]
    buffer.put(Diff(topic="l", prev=5, version=6, add=[b], ids=["s:B", "s:A"]))  # type: ignore[list-item]

    (event,) = rest(buffer)

    assert event == Snapshot(topic="l", epoch="e", version=6, rows=[b, a], ids=["s:B", "s:A"])  # type: ignore[list-item]


def test_of_the_states_only_the_last_waits_and_comes_first() -> None:
    buffer = Buffer()
    buffer.put(alert(1))
    buffer.put(State(status="live"))
    buffer.put(State(status="stale"))

    assert rest(buffer) == [State(status="stale"), alert(1)]


def test_the_oldest_alerts_are_dropped_and_counted() -> None:
    buffer = Buffer(alerts=2)
    for number in range(5):
        buffer.put(alert(number))

    assert rest(buffer) == [Gap(reason="slow", topic="alerts", lost=3), alert(3), alert(4)]


def test_a_diff_that_grows_too_long_is_given_up_for_a_snapshot() -> None:
    buffer = Buffer(folded_rows=2)
    request = [
        buffer.put(Diff(topic="all", prev=n, version=n + 1, removed=[f"s:{n}"])) for n in range(3)
    ]

    assert request == [None, None, "all"]
    assert rest(buffer) == [Gap(reason="slow", topic="all")]


def test_gaps_of_one_kind_and_topic_are_one() -> None:
    buffer = Buffer()
    buffer.put(Gap(reason="lost", topic="alerts", lost=2, since=1, until=5))
    buffer.put(Gap(reason="lost", topic="alerts", lost=3, since=7, until=9))
    buffer.put(Gap(reason="epoch"))

    assert rest(buffer) == [
        Gap(reason="lost", topic="alerts", lost=5, since=1, until=9),
        Gap(reason="epoch"),
    ]


def test_a_topic_whose_diff_cannot_be_true_is_requested_again() -> None:
    buffer = Buffer()
    buffer.put(Snapshot(topic="all", epoch="e1", version=1, rows=[{"id": "s:A"}]))

    request = buffer.put(Diff(topic="all", prev=1, version=2, set=[{"id": "s:B", "price": 2.0}]))

    assert request == "all"
    assert rest(buffer) == []
