"""Every branch of the client's rule."""

from __future__ import annotations

from typing import Any

from tests.testkit.reference_client import RESUME, ReferenceClient


def snap(
    topic: str, v: int, *rows: dict[str, Any], e: str = "e1", **more: object
) -> dict[str, Any]:
    return {"t": "snap", "k": topic, "e": e, "v": v, "rows": list(rows), **more}


def diff(topic: str, pv: int, v: int, **body: object) -> dict[str, Any]:
    return {"t": "d", "k": topic, "pv": pv, "v": v, "ts": 0, **body}


def beat(v: int, e: str = "e1") -> dict[str, Any]:
    return {"t": "hb", "e": e, "v": v, "ts": 0, "age_ms": 0, "st": "live"}


A1 = {"id": "s:A", "price": 1}
B2 = {"id": "s:B", "price": 2}


def client_with(*frames: dict[str, Any]) -> ReferenceClient:
    client = ReferenceClient()
    for frame in frames:
        assert client.rx(frame) is None
    return client


def test_a_snapshot_sets_the_rows_and_the_version() -> None:
    client = client_with(snap("all", 5, A1))

    assert client.rows["all"] == {"s:A": A1}
    assert client.versions == {"all": 5}
    assert client.epoch == "e1"


def test_a_split_snapshot_counts_at_its_last_part() -> None:
    client = client_with(snap("all", 5, A1, more=True))
    assert client.versions == {}

    client.rx(snap("all", 5, B2))

    assert client.rows["all"] == {"s:A": A1, "s:B": B2}
    assert client.versions == {"all": 5}


def test_a_snapshot_of_another_epoch_invalidates_every_other_topic() -> None:
    client = client_with(snap("all", 5, A1), snap("chain:s", 5, A1))

    client.rx(snap("all", 1, B2, e="e2"))

    assert client.versions == {"all": 1}
    assert client.epoch == "e2"


def test_a_snapshot_of_the_same_epoch_may_go_back() -> None:
    client = client_with(snap("all", 5, A1), snap("all", 3, B2))

    assert client.versions == {"all": 3}
    assert client.rows["all"] == {"s:B": B2}


def test_a_diff_of_an_unknown_topic_is_ignored() -> None:
    client = client_with(diff("all", 0, 6, set=[A1]))

    assert client.versions == {}
    assert client.ignored == 1


def test_a_diff_that_is_covered_is_ignored() -> None:
    client = client_with(snap("all", 5, A1), diff("all", 4, 5, set=[{"id": "s:A", "price": 9}]))

    assert client.rows["all"] == {"s:A": A1}


def test_a_diff_from_beyond_is_a_gap() -> None:
    client = client_with(snap("all", 5, A1))

    assert client.rx(diff("all", 6, 7, set=[])) == RESUME
    assert client.versions == {"all": 5}


def test_a_diff_sets_adds_and_removes() -> None:
    client = client_with(snap("all", 5, A1, {"id": "s:C"}))

    client.rx(diff("all", 5, 6, set=[{"id": "s:A", "price": 3}], add=[B2], **{"del": ["s:C"]}))

    assert client.rows["all"] == {"s:A": {"id": "s:A", "price": 3}, "s:B": B2}
    assert client.versions == {"all": 6}


def test_null_makes_a_field_unknown() -> None:
    client = client_with(snap("all", 5, A1), diff("all", 5, 6, set=[{"id": "s:A", "price": None}]))

    assert client.rows["all"] == {"s:A": {"id": "s:A"}}


def test_an_added_row_replaces_what_is_there() -> None:
    client = client_with(snap("all", 5, A1), diff("all", 5, 6, add=[{"id": "s:A", "fdv": 1}]))

    assert client.rows["all"] == {"s:A": {"id": "s:A", "fdv": 1}}


def test_a_split_diff_is_applied_at_its_last_part() -> None:
    client = client_with(snap("all", 5, A1), diff("all", 5, 9, add=[B2], more=True))
    assert client.rows["all"] == {"s:A": A1}
    assert client.versions == {"all": 5}

    client.rx(diff("all", 5, 9, **{"del": ["s:A"]}))

    assert client.rows["all"] == {"s:B": B2}
    assert client.versions == {"all": 9}


def test_a_heartbeat_lifts_every_topic() -> None:
    client = client_with(snap("all", 5), snap("chain:s", 7), beat(6))

    assert client.versions == {"all": 6, "chain:s": 7}


def test_a_heartbeat_of_another_epoch_asks_to_resume() -> None:
    client = client_with(snap("all", 5))

    assert client.rx(beat(1, e="e2")) == RESUME
    assert client.versions == {"all": 5}


def test_a_heartbeat_before_any_state_is_of_no_epoch() -> None:
    assert ReferenceClient().rx(beat(0, e="")) is None


def test_unknown_frames_and_fields_are_ignored() -> None:
    client = client_with(snap("all", 5, A1, colour="blue"), {"t": "party"})

    assert client.versions == {"all": 5}


def test_a_resume_names_the_epoch_and_every_version() -> None:
    client = client_with(snap("all", 5), snap("chain:s", 7))

    assert client.resume(3) == {
        "id": 3,
        "op": "resume",
        "e": "e1",
        "topics": {"all": 5, "chain:s": 7},
    }
