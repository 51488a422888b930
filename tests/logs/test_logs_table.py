"""docs/LOGS.md names every event that the source can tell, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.process.log_lines import PER_S
from shared.process.logs import LIBRARY_EVENT
from tests.testkit.log_calls import LogCall, log_calls
from tests.testkit.process import ROOT

LOGS_MD = ROOT / "docs" / "LOGS.md"


def documented() -> Iterator[tuple[LogCall, str, str]]:
    for line in LOGS_MD.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| `"):
            continue
        event, service, level, fields, meaning, advice = cells
        names = frozenset(re.findall(r"`(\w+)`", fields))
        yield LogCall(event.strip("`"), service, level, names), meaning, advice


def test_the_table_matches_the_code() -> None:
    table = {call for call, _, _ in documented() if call.event != LIBRARY_EVENT}

    assert sorted(table - log_calls()) == []
    assert sorted(log_calls() - table) == []


def test_each_event_stands_there_once_with_its_meaning() -> None:
    rows = list(documented())

    assert len({(call.event, call.services) for call, _, _ in rows}) == len(rows)
    assert [call.event for call, meaning, advice in rows if not meaning or not advice] == []
    assert LIBRARY_EVENT in {call.event for call, _, _ in rows}


def test_each_advice_leads_to_a_section_that_is_there() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in (ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    }

    anchors = set(re.findall(r"OPERATIONS\.md#([a-z0-9-]+)", LOGS_MD.read_text(encoding="utf-8")))

    assert len(anchors) > 5
    assert sorted(anchors - headings) == []


def test_names_are_of_one_form() -> None:
    for call in log_calls():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", call.event), call.event


def test_the_page_says_how_often_an_event_is_logged() -> None:
    assert f"at most {PER_S} times a second" in LOGS_MD.read_text(encoding="utf-8")
