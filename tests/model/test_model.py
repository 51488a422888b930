"""The stream's promise over random schedules, and that the check would see it broken.

`make model` plays more of them: MODEL_SCHEDULES says how many.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import msgspec
import pytest

from dexwire.stream.messages import Echo, Resume
from services.ws.core import session
from services.ws.core.alerts import AlertLog
from services.ws.core.frames import Body
from services.ws.core.hub import Hub
from services.ws.core.member import Member
from services.ws.core.rooms import Room, TopicCommit
from services.ws.core.views import IdsView, ListView, RowsView
from shared.state.replica import Replica
from tests.testkit.schedules import check_schedules

SCHEDULES = int(os.environ.get("MODEL_SCHEDULES", "160"))
PARTS = 4  # so that they can be played side by side
ENOUGH = 80  # schedules in which each broken rule has to show
Patch = pytest.MonkeyPatch


@pytest.mark.timeout(60 + SCHEDULES)
@pytest.mark.parametrize("part", range(PARTS))
def test_what_a_client_holds_is_the_truth_at_the_version_it_shows(part: int) -> None:
    report = check_schedules(range(part, SCHEDULES, PARTS))

    print(report)
    assert report.comparisons > 100 * report.schedules
    assert min(report.snaps, report.folded, report.ignored) > 0


def wrong_pv(patch: Patch) -> None:
    """A diff names the commit before, not the topic's own last one."""

    def add(self: TopicCommit, room: Room, body: Body) -> None:
        self._bodies[room] = (self.pv, body)
        room.pv = self.v
        room.forget()

    patch.setattr(TopicCommit, "add", add)


def no_entered_v(patch: Patch) -> None:
    """A fold of a list has the rows that changed, not those that entered unchanged."""
    fold = ListView.fold

    def forgetful(self: ListView, replica: Replica, since: int) -> Body:
        self._entered = dict.fromkeys(self._entered, 0)
        return fold(self, replica, since)

    patch.setattr(ListView, "fold", forgetful)


def one_cursor_for_all_topics(patch: Patch) -> None:
    resume = session.Session._resume

    def one(self: session.Session, ident: Echo, request: Resume) -> None:
        highest = max(request.topics.values(), default=0)
        cursors = dict.fromkeys(request.topics, highest)
        resume(self, ident, msgspec.structs.replace(request, topics=cursors))

    patch.setattr(session.Session, "_resume", one)


def no_heartbeat_before_a_fold(patch: Patch) -> None:
    advance = Hub._advance

    def unopened(self: Hub, member: Member) -> None:
        advance(self, member)
        frames: Iterator[bytes] = member.pending or iter(())
        first = next(frames, None)
        if first is not None:
            kept = () if b'"t":"hb"' in first else (first,)
            member.pending = itertools.chain(kept, frames)

    patch.setattr(Hub, "_advance", unopened)


def horizon_short_by_one(patch: Patch) -> None:
    def known_since(_self: object, replica: Replica) -> int:
        return replica.horizon - 1

    patch.setattr(RowsView, "known_since", known_since, raising=False)
    patch.setattr(IdsView, "known_since", known_since, raising=False)


def diff_for_a_cursor_older_than_the_list(patch: Patch) -> None:
    patch.setattr(ListView, "known_since", lambda _self, _replica: 0)


def alerts_before_a_load_are_taken_for_none(patch: Patch) -> None:
    def load(self: AlertLog, _events: object, _floor: int) -> None:
        self.floor, self.known = 0, True

    patch.setattr(AlertLog, "load", load)


@pytest.mark.parametrize(
    "mutate",
    [
        wrong_pv,
        no_entered_v,
        one_cursor_for_all_topics,
        no_heartbeat_before_a_fold,
        horizon_short_by_one,
        diff_for_a_cursor_older_than_the_list,
        alerts_before_a_load_are_taken_for_none,
    ],
)
def test_a_gateway_that_breaks_a_rule_is_found_out(
    mutate: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    mutate(monkeypatch)

    with pytest.raises(AssertionError) as found:
        check_schedules(range(ENOUGH))

    print(mutate.__name__, *found.value.__notes__)
