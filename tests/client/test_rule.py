"""Every branch of the client's rule, frame by frame."""

from __future__ import annotations

from typing import Any

import pytest

from dexwire.client.errors import Malformed
from dexwire.client.events import Alert, Diff, Event, Gap, Snapshot
from dexwire.client.frames import decode
from dexwire.client.rule import Rule
from dexwire.stream.messages import Ok
from dexwire.stream.topics import is_alerts
from tests.testkit.scripted_gateway import LIST, beat, diff, ev, row, snap, typed

DEEP = '{"t":"party","at":' + "[" * 5_000
HUGE = (
    '{"t":"hello","proto":1,"e":"","v":0,"hb_ms":%s}' % ("9" * 400),
    '{"t":"ok","now":%s}' % ("9" * 400),
    '{"t":"bye","retry_ms":[0,%s]}' % ("9" * 400),
    '{"t":"ev","k":"alerts","pv":1,"v":2,"ev":[{"i":"%s","type":"","id":""}]}' % ("9" * 5_000),
)
A1, B2 = row("s:A", price=1.0), row("s:B", price=2.0)


def events_of(rule: Rule, *frames: dict[str, Any]) -> list[Event]:
    """The events of some frames."""
    return [event for frame in frames for event in rule.take(typed(frame))]


def rule_with(*frames: dict[str, Any]) -> Rule:
    rule = Rule()
    events_of(rule, *frames)
    return rule


def test_a_snapshot_is_an_event_whole_and_in_the_lists_order() -> None:
    rule = Rule()

    (event,) = events_of(rule, snap(LIST, 5, A1, B2, ids=["s:B", "s:A"]))

    assert event == Snapshot(
        topic=LIST,
        epoch="e1",
        version=5,
        rows=[B2, A1],  # type: ignore[list-item] # rows are plain dictionaries
        ids=["s:B", "s:A"],
    )
    assert rule.versions == {LIST: 5}
    assert rule.epoch == "e1"


def test_a_split_snapshot_counts_at_its_last_part() -> None:
    rule = Rule()

    assert events_of(rule, snap("all", 5, A1, more=True)) == []
    assert rule.versions == {}
    (event,) = events_of(rule, snap("all", 5, B2))

    assert isinstance(event, Snapshot)
    assert [r["id"] for r in event.rows] == ["s:A", "s:B"]


def test_parts_of_an_older_message_are_dropped() -> None:
    (event,) = events_of(Rule(), snap("all", 5, A1, more=True), snap("all", 6, B2))

    assert isinstance(event, Snapshot)
    assert [r["id"] for r in event.rows] == ["s:B"]


def test_a_new_epoch_invalidates_every_other_topic() -> None:
    rule = rule_with(snap("all", 5), snap("chain:s", 5), snap("all", 1, e="e2"))

    assert rule.epoch == "e2"
    assert rule.versions == {"all": 1}


def test_a_diff_that_follows_is_an_event() -> None:
    rule = rule_with(snap("all", 5, A1))

    (event,) = events_of(rule, diff("all", 5, 7, set=[{"id": "s:A", "price": None}], cf=2))

    assert event == Diff(
        topic="all", prev=5, version=7, set=[{"id": "s:A", "price": None}], commits=2
    )
    assert rule.versions == {"all": 7}


@pytest.mark.parametrize("frame", [diff("all", 4, 5), diff("chain:s", 5, 6)])
def test_a_diff_that_is_covered_or_of_no_known_topic_is_ignored(frame: dict[str, Any]) -> None:
    rule = rule_with(snap("all", 5))

    assert events_of(rule, frame) == []
    assert rule.versions == {"all": 5}


def test_a_gap_is_reported_once_until_the_resume_is_answered() -> None:
    rule = rule_with(snap("all", 5))

    (gap,) = events_of(rule, diff("all", 6, 7))
    request = rule.resume(9)
    again = events_of(rule, diff("all", 7, 8))
    rule.take(Ok(id=9))
    after = events_of(rule, diff("all", 8, 9))

    assert gap == Gap(reason="missed", topic="all", since=5, until=7)
    assert gap.resumes
    assert (request.e, request.topics) == ("e1", {"all": 5})
    assert again == []
    assert len(after) == 1


def test_a_heartbeat_does_not_cover_a_gap() -> None:
    rule = rule_with(snap("all", 5, A1), snap("chain:s", 5), diff("all", 6, 7), beat(8))

    assert rule.versions == {"all": 5, "chain:s": 8}
    (repaired,) = events_of(rule, diff("all", 5, 8, add=[B2]))
    assert isinstance(repaired, Diff)
    events_of(rule, beat(9))
    assert rule.versions == {"all": 9, "chain:s": 9}


def test_a_heartbeat_of_another_epoch_asks_to_resume_once() -> None:
    rule = rule_with(snap("all", 5))

    assert events_of(rule, beat(1, e="e2")) == [Gap(reason="epoch")]
    rule.resume(3)
    assert events_of(rule, beat(2, e="e2")) == []
    assert rule.versions == {"all": 5}
    assert rule.epoch == "e1"


def test_a_heartbeat_before_any_state_only_names_the_epoch() -> None:
    rule = Rule()

    assert events_of(rule, beat(3)) == []
    assert rule.epoch == "e1"


def test_alerts_are_events_one_by_one() -> None:
    rule = Rule()

    events = events_of(rule, ev("alerts:s", 3, 5, "5.0", "5.1"))

    assert [e.key for e in events if isinstance(e, Alert)] == ["5.0", "5.1"]
    assert rule.versions == {"alerts:s": 5}
    assert events_of(rule, ev("alerts:s", 3, 5, "5.0")) == []


def test_confirmed_alerts_are_held_from_the_first_heartbeat_on() -> None:
    rule = rule_with({"t": "ok", "id": 1, "topics": {"alerts": "live"}}, beat(8))

    assert rule.versions == {"alerts": 8}
    assert events_of(rule, ev("alerts", 9, 10, "10.0")) == [
        Gap(reason="missed", topic="alerts", since=8, until=10)
    ]


def test_alerts_alone_go_on_in_a_new_epoch() -> None:
    rule = rule_with(beat(3), ev("alerts", 3, 5, "5.0"), beat(1, e="e2"))

    assert rule.resume(4).topics == {"alerts": 5}
    assert rule.epoch == "e2"
    assert [type(e) for e in events_of(rule, ev("alerts", 1, 2, "2.0"))] == [Alert]


def test_lost_alerts_are_reported_and_are_no_further_gap() -> None:
    rule = rule_with(ev("alerts", 3, 5, "5.0"))

    events = events_of(
        rule,
        {"t": "lost", "k": "alerts", "n": 37, "from": 5, "to": 40},
        ev("alerts", 40, 41, "41.0"),
    )

    assert events[0] == Gap(reason="lost", topic="alerts", lost=37, since=5, until=40)
    assert [type(e) for e in events] == [Gap, Alert]


def test_split_and_repeated_alerts_are_events_once() -> None:
    rule = rule_with(snap("alerts", 5))

    first = events_of(rule, {**ev("alerts", 5, 8, "6.0"), "more": True})
    rest = events_of(rule, ev("alerts", 5, 8, "8.0"), {**ev("alerts", 6, 9, "8.0", "9.0"), "cf": 3})

    assert first == []
    assert [(e.key, e.version) for e in rest if isinstance(e, Alert)] == [
        ("6.0", 6),
        ("8.0", 8),
        ("9.0", 9),
    ]


def test_a_watchlist_counts_again_after_the_answer_to_its_last_edit() -> None:
    rule = rule_with(snap("tokens", 5, A1))
    rule.edit(7)

    assert rule.versions == {}
    assert events_of(rule, diff("tokens", 5, 6), snap("tokens", 6, A1)) == []
    (event,) = events_of(
        rule, {"t": "ok", "id": 7, "topics": {"tokens": "snap"}}, snap("tokens", 6, B2)
    )
    assert isinstance(event, Snapshot)
    assert list(event.rows) == [B2]


def test_an_empty_snapshot_of_alerts_sets_their_version_and_is_no_event() -> None:
    rule = Rule()

    assert events_of(rule, snap("alerts", 5)) == []
    assert rule.versions == {"alerts": 5}


def test_a_forgotten_topic_waits_for_its_snapshot() -> None:
    rule = rule_with(snap("all", 5))
    rule.forget("all")

    assert events_of(rule, diff("all", 5, 6)) == []
    assert len(events_of(rule, snap("all", 7))) == 1


def test_a_new_connection_forgets_parts_of_the_old_one() -> None:
    rule = rule_with(snap("all", 5, A1), diff("all", 5, 6, add=[B2], more=True))
    rule.connected()

    (event,) = events_of(rule, diff("all", 5, 6, removed=[]))

    assert isinstance(event, Diff)
    assert list(event.add) == []


def test_a_split_diff_is_an_event_at_its_last_part() -> None:
    rule = rule_with(snap("all", 5))

    assert events_of(rule, diff("all", 5, 9, add=[A1], more=True)) == []
    (event,) = events_of(rule, diff("all", 5, 9, **{"del": ["s:B"]}))

    assert isinstance(event, Diff)
    assert (list(event.add), list(event.removed)) == ([A1], ["s:B"])


def test_unknown_kinds_are_none_and_unknown_fields_ignored() -> None:
    assert decode('{"t":"party","at":"8"}') is None
    assert typed({**beat(3), "colour": "blue"}) == typed(beat(3))


@pytest.mark.parametrize("text", ["[]", "{", '{"t":"snap","k":5}', "\ud800", DEEP, *HUGE])
def test_what_is_no_frame_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode(text.encode("utf-8", "surrogatepass"))


def test_alert_topics_are_reported_by_their_names() -> None:
    assert [is_alerts(t) for t in ("alerts", "alerts:s:L2", "all", "chain:alerts")] == [
        True,
        True,
        False,
        False,
    ]
