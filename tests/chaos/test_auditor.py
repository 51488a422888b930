"""The auditor's short form: everything at once, under some fifteen faults, in a minute."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.chaos.plan import AGGREGATORS, APART_S, KINDS, LEADER, LOSES, make_plan
from tests.testkit.process import ROOT, Process, kept_environ

COMMAND = [sys.executable, "-m", "tests.chaos.auditor", "--seed", "15", "--seconds", "45"]
COUNTED = ("versions", "pages", "client states", "acknowledged tokens", "alerts", "walks")


@pytest.mark.timeout(280)
def test_no_promise_is_broken_under_faults(tmp_path: Path) -> None:
    where = {**kept_environ(), "PYTHONPATH": str(ROOT)}
    auditor = Process(COMMAND, where, tmp_path, tmp_path / "report")

    code = auditor.wait(270)

    report = auditor.output()
    print(report)
    assert code == 0, report
    assert "0 violations" in report
    assert all(re.search(rf"^  {what} +[1-9]", report, re.MULTILINE) for what in COUNTED), report


def test_a_seed_gives_one_plan_and_ten_minutes_have_every_kind_of_fault() -> None:
    plan = make_plan(7, 600.0)

    assert plan == make_plan(7, 600.0) != make_plan(8, 600.0)
    assert {fault.kind for fault in plan} == set(KINDS)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_store_loses_its_data_only_while_all_aggregators_know_them(seed: int) -> None:
    plan = make_plan(seed, 1_800.0)
    losses = [fault for fault in plan if fault.kind in LOSES]
    ends = [
        fault for fault in plan if fault.kind == "kill" and fault.target in {LEADER, *AGGREGATORS}
    ]

    assert losses
    assert all(
        loss.at_s - (end.at_s + end.lasts_s) >= APART_S
        or end.at_s - (loss.at_s + loss.lasts_s) >= APART_S
        for loss in losses
        for end in ends
    )
