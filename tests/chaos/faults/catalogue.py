"""The deliberate faults: each changes one rule of the product in the process that it is applied to.

They are patches of a running process, made before the service starts (tests/chaos/entry.py), so
that the tree stays as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from tests.chaos.plan import LEADER, Kind

_KILL_GATEWAYS: Final = {"kill": Kind(1, ("ws-0", "ws-1"), (0.1, 0.5))}
_KILL_LEADER: Final = {"kill": Kind(1, (LEADER,), (0.1, 1.0))}
_STOP_LEADER: Final = {"stop": Kind(1, (LEADER,), (3.0, 6.0))}
_LOSE: Final = {"tear_store": Kind(1, ("store",), (0.1, 0.5), (20_000, 90_000))}
_EMPTY: Final = {"empty_store": Kind(1, ("store",), (0.1, 0.5))}
_NOTHING: Final = {"flush_scripts": Kind(1, ("store",), (0.1, 0.1))}  # harmless


class Mistake(NamedTuple):
    """One fault: what it does, which services have it, and what brings it to light."""

    does: str
    services: frozenset[str]
    kinds: dict[str, Kind]
    apply: Callable[[], None]


def _early_acks() -> None:
    from services.aggregator.term import Term  # noqa: PLC0415 - in the process alone

    commit: Any = Term._commit

    async def with_all_acks(self: Any, items: Any, acks: Any = (), **more: Any) -> None:  # noqa: ANN401
        await commit(self, items, acks or tuple(self._context.intake.waiting), **more)

    Term._commit = with_all_acks  # type: ignore[method-assign]


def _removals_ignored() -> None:
    from shared.state.feed import Feed  # noqa: PLC0415
    from shared.state.replica import Replica  # noqa: PLC0415

    def finish(self: Replica, commit: Any, *, torn: bool) -> None:  # noqa: ANN401, ARG001
        self.version, self.committed_ms, self.seeding = commit.v, commit.ts, commit.seeding
        self.forget_removals(commit.horizon)

    async def on_heartbeat(self: Any, heartbeat: Any) -> None:  # noqa: ANN401
        replica = self.replica
        if heartbeat.e != replica.epoch or heartbeat.v != replica.version:
            await self._catch_up()
        else:
            self._listener.on_heartbeat(heartbeat)

    Replica._finish = finish  # type: ignore[method-assign]
    Feed._on_heartbeat = on_heartbeat  # type: ignore[method-assign]


def _torn_pages() -> None:
    from shared.state.store import Store  # noqa: PLC0415

    page: Any = Store.page

    async def in_two_reads(self: Store, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        before = await self.meta()
        await asyncio.sleep(0.05)
        found = await page(self, *args, **options)
        if found.epoch != before.epoch:
            return found
        return replace(found, version=before.version, committed_ms=before.committed_ms)

    Store.page = in_two_reads  # type: ignore[method-assign]


def _folds_start_late() -> None:
    from services.ws.core.views import RowsView  # noqa: PLC0415

    fold: Any = RowsView.fold

    def one_later(self: Any, replica: Any, since: int) -> Any:  # noqa: ANN401
        return fold(self, replica, since + 1)

    RowsView.fold = one_later  # type: ignore[method-assign]


def _alerts_forgotten() -> None:
    from services.aggregator.alerts import AlertBook  # noqa: PLC0415

    def load(self: AlertBook, token: str, stored: Any) -> None:  # noqa: ANN401
        del self, token, stored

    AlertBook.load = load  # type: ignore[method-assign]


def _alert_skipped_on_resume() -> None:
    from services.ws.core.alerts import AlertLog  # noqa: PLC0415

    after: Any = AlertLog.after

    def but_the_first(self: AlertLog, version: int) -> Any:  # noqa: ANN401
        return after(self, version)[1:]

    AlertLog.after = but_the_first  # type: ignore[method-assign]


def _walks_skip() -> None:
    from services.api.discover.pages import Pages  # noqa: PLC0415

    walk: Any = Pages._walk

    async def one_further(self: Any, query: Any, cursor: Any, paying: Any) -> Any:  # noqa: ANN401
        found, order_version, position = await walk(self, query, cursor, paying)
        return found, order_version, None if position is None else position + 1

    Pages._walk = one_further  # type: ignore[method-assign]


def _memory_forgotten() -> None:
    from services.aggregator import term  # noqa: PLC0415

    async def inherit(context: Any, verified: Any) -> Any:  # noqa: ANN401
        stored = await context.store.token_ids()
        await verified.read(stored)
        return stored

    term._inherit = inherit


def _no_expiry() -> None:
    _edit_scripts("seen", [("redis.call('PEXPIRE', KEYS[1], ARGV[3])", "")])


def _no_fence() -> None:
    _edit_scripts("commit", [("head[1] ~= ARGV[1]", "false"), ("head[4] ~= ARGV[4]", "false")])


def _versions_reused() -> None:
    _edit_scripts("run", [("local run = ", "local run = '' local real = ")])
    from shared.state import store  # noqa: PLC0415
    from shared.state.feed import Feed  # noqa: PLC0415

    def never(self: Feed, meta: Any) -> bool:  # noqa: ANN401
        del self, meta
        return False

    store.run_of = lambda info: ""  # noqa: ARG005 - the product's signature
    Feed._is_reverted = never  # type: ignore[method-assign]


def _edit_scripts(script: str, edits: Sequence[tuple[str, str]]) -> None:
    """Change the text of a Lua script before it is read."""
    from shared.redis import script as scripts  # noqa: PLC0415

    text = scripts._text

    def edited(name: str, package: str) -> str:
        found = text(name, package)
        for before, after in edits if name == script else ():
            assert before in found, f"{script}.lua has no {before}"
            found = found.replace(before, after)
        return found

    scripts._text = edited


_ALL: Final = frozenset({"aggregator", "api", "ws", "fetcher"})
_READERS: Final = frozenset({"api", "ws"})

MISTAKES: Final = {
    "early-acks": Mistake(
        "acknowledgements go with the first piece of a window, not the last",
        frozenset({"aggregator"}), _NOTHING, _early_acks,
    ),
    "removals-ignored": Mistake(
        "copies keep removed rows; neither commits' nor heartbeats' digests are compared",
        _READERS, _NOTHING, _removals_ignored,
    ),
    "no-expiry": Mistake(
        "receipts of posts never end (no PEXPIRE in seen.lua)",
        frozenset({"api"}), _NOTHING, _no_expiry,
    ),
    "torn-pages": Mistake(
        "a page's version and its rows are read one after the other",
        frozenset({"api"}), _NOTHING, _torn_pages,
    ),
    "walks-skip": Mistake(
        "each page of a walk starts one entry too far",
        frozenset({"api"}), _NOTHING, _walks_skip,
    ),
    "folds-start-late": Mistake(
        "what a resuming client missed lacks the first commit",
        frozenset({"ws"}), _KILL_GATEWAYS, _folds_start_late,
    ),
    "alert-skipped": Mistake(
        "a resuming client is not sent the first alert that it missed",
        frozenset({"ws"}), _KILL_GATEWAYS, _alert_skipped_on_resume,
    ),
    "alerts-forgotten": Mistake(
        "a takeover does not read what alerts are judged by",
        frozenset({"aggregator"}), _KILL_LEADER, _alerts_forgotten,
    ),
    "no-fence": Mistake(
        "the store takes commits of a former leader",
        frozenset({"aggregator"}), _STOP_LEADER, _no_fence,
    ),
    "versions-reused": Mistake(
        "an epoch goes on after the store was restarted without its last commits",
        _ALL, _LOSE, _versions_reused,
    ),
    "memory-forgotten": Mistake(
        "what an aggregator remembers is not committed again in a new epoch",
        frozenset({"aggregator"}), _EMPTY, _memory_forgotten,
    ),
}  # fmt: skip


def apply(name: str, service: str) -> None:
    """Apply a fault to this process, if it is one of this service."""
    mistake = MISTAKES[name]
    if service in mistake.services:
        mistake.apply()
