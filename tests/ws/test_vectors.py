"""The conformance vectors of the stream that every client of ours passes; here the reference."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.testkit.process import ROOT
from tests.testkit.reference_client import ReferenceClient

FOLDER = ROOT / "tests" / "vectors" / "stream"


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(Path(FOLDER).glob("*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("case", _cases())
def test_the_reference_client_passes_the_vectors(case: dict[str, Any]) -> None:
    client = ReferenceClient()

    answers = [client.rx(step["frame"]) for step in case["frames"]]

    assert answers == [step["answer"] for step in case["frames"]]
    assert client.epoch == case["epoch"]
    assert client.versions == case["versions"]
    for topic, rows in case.get("rows", {}).items():
        assert client.rows[topic] == {row["id"]: row for row in rows}
    for topic, ids in case.get("ids", {}).items():
        assert client.ids[topic] == ids
    heard = defaultdict(list, client.heard)
    for topic, events in case.get("heard", {}).items():
        assert [event["i"] for event in heard[topic]] == events
