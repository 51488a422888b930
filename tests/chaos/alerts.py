"""The laws of alerts (docs/DATA.md, "Alerts"), judged by what was committed and what was heard."""

from __future__ import annotations

import re
import time
from collections import defaultdict, deque
from typing import Any, Final

import msgspec

from tests.chaos.deployment import ALERT_COOLDOWN_S
from tests.chaos.entry import ALERT_WINDOW_MS
from tests.chaos.findings import Findings
from tests.chaos.history import History, Row, State

Event = dict[str, Any]
LEVELS: Final = {"price": (5.0, 10.0, 20.0, 50.0), "volume": (50.0, 100.0, 200.0, 500.0)}
ONLY_NAMED: Final = {"listed"}  # events that only topics of their own hold
SLOT_MS: Final = ALERT_WINDOW_MS // 10
JUMPERS: Final = "solana:Jump"  # tokens that are posted steadily and jump now and then
JUMP_PCT: Final = 60.0  # over the highest level, from any price of the last window
_EXPECT_S: Final = 20.0  # for the history to come to what a program was sent


class AlertLaws:
    """Watches the history; knows all events by epoch."""

    def __init__(self, findings: Findings, history: History) -> None:
        self._findings, self._history = findings, history
        self.events: defaultdict[str, list[tuple[int, Event]]] = defaultdict(list)
        self._keys: set[tuple[str, str, float]] = set()
        self._last: dict[tuple[str, ...], tuple[int, int]] = {}  # arm → level, time
        self._values: defaultdict[tuple[str, str], deque[tuple[int, Any]]] = defaultdict(deque)
        self._whole_from: dict[str, int] = {}  # token → since when its history has no hole
        self._expected: list[tuple[float, tuple[str, str, float]]] = []
        history.watchers.append(self._watch)

    def forget_reports(self) -> None:
        """The store has lost what it held of alerts, or the last of it."""
        self._last.clear()

    def was(self, key: str, token: str, after: float | None) -> bool:
        """Whether this event was committed in some epoch."""
        return (key, token, after or 0.0) in self._keys

    def expect(self, key: str, token: str, after: float | None) -> None:
        """A program was sent this event, whose commit has still to be seen."""
        self._expected.append((time.monotonic() + _EXPECT_S, (key, token, after or 0.0)))

    def look(self, *, final: bool = False) -> None:
        """Count the events whose commit was not seen in time: a killed store sent it to others."""
        expected, self._expected = self._expected, []
        for until_s, key in expected:
            if key in self._keys:
                continue
            if final or time.monotonic() > until_s:
                self._findings.count("not judged: alerts of a killed store's last moment")
            else:
                self._expected.append((until_s, key))

    # -- what was committed -----------------------------------------------------------------------
    def _watch(self, state: State, before: State | None) -> None:
        if before is None or before.epoch != state.epoch:
            self._whole_from.clear()
            self._values.clear()
        events = state.commit.get("ev", [])
        for number, event in enumerate(events):
            self._judge_event(event, number, state)
        for ident in state.commit.get("del", ()):
            self._forget(ident)
        self._judge_jumps(state, before, events)
        self._remember(state)

    def _judge_event(self, event: Event, number: int, state: State) -> None:
        findings = self._findings
        findings.count("alerts")
        at = f"{event} in {state.epoch} {state.version}"
        if event["i"] != f"{state.version}.{number}":
            findings.wrong("alerts are numbered by version", at)
        self.events[state.epoch].append((state.version, event))
        self._keys.add((event["i"], event["id"], event.get("to", 0.0)))
        if event["type"] not in LEVELS:
            return  # a milestone has no figures
        held = state.rows.get(event["id"])
        figure = "price" if event["type"] == "price" else "volume_5m"
        if held is None or held.row.get(figure) != event["to"]:
            findings.wrong("an alert says what its commit commits", at)
        change = (event["to"] - event["from"]) / event["from"] * 100
        passed = sum(abs(change) > level for level in LEVELS[event["type"]])
        if abs(change - event["chg"]) > 0.0051 or passed != event["lvl"]:
            findings.wrong("an alert's change and level are of its figures", at)
        self._judge_base(event, figure, state, at)
        self._judge_repeat(event, state, at)

    def _judge_base(self, event: Event, figure: str, state: State, at: str) -> None:
        """The base was in force one window ago, on a grid of a tenth of it."""
        values = self._values.get((event["id"], figure))
        oldest = state.ts - ALERT_WINDOW_MS - 2 * SLOT_MS
        if not values or values[0][0] > oldest:
            return
        ends = [*[ts for ts, _ in values][1:], state.ts]
        latest = state.ts - ALERT_WINDOW_MS + SLOT_MS
        in_force = [
            v for (ts, v), end in zip(values, ends, strict=True) if end >= oldest and ts <= latest
        ]
        self._findings.count("alerts whose base was judged")
        if event["from"] not in in_force:
            detail = f"{at}: from is none of {in_force[:6]}"
            self._findings.wrong("an alert's base was in force one window ago", detail)

    def _judge_repeat(self, event: Event, state: State, at: str) -> None:
        """A level is not reported again within the cool-down, unless it is a higher one."""
        arm = (event["id"], event["type"], event["dir"], event["w"])
        last = self._last.get(arm)
        if last is not None:
            level, ts = last
            if event["lvl"] <= level and 0 <= state.ts - ts < ALERT_COOLDOWN_S * 1000:
                detail = f"{at}, {state.ts - ts} ms after level {level}"
                self._findings.wrong("no alert is repeated within its cool-down", detail)
        self._last[arm] = (event["lvl"], state.ts)

    def _judge_jumps(self, state: State, before: State | None, events: list[Event]) -> None:
        """A steady token whose price jumps over every level is reported in that very commit."""
        if before is None or before.epoch != state.epoch:
            return
        for changed in state.commit.get("set", ()):
            ident = changed["id"]
            if not ident.startswith(JUMPERS) or "price" not in changed:
                continue
            values = self._values.get((ident, "price"))
            whole = self._whole_from.get(ident, state.ts)
            if not values or state.ts - whole < ALERT_WINDOW_MS + 3 * SLOT_MS:
                continue
            window = [v for ts, v in values if v is not None]
            if changed["price"] < max(window) * (1 + JUMP_PCT / 100):
                continue
            self._findings.count("jumps")
            mine = [e for e in events if e["id"] == ident and e["type"] == "price"]
            if any(event["lvl"] == 4 and event["dir"] == "up" for event in mine):
                continue
            level, ts = self._last.get((ident, "price", "up", "5m"), (0, 0))
            if level == 4 and state.ts - ts < ALERT_COOLDOWN_S * 1000:
                continue
            detail = f"{ident} from {window[-1]} to {changed['price']} at {state.version}; "
            detail += f"whole for {state.ts - whole} ms, last reported {level} at {ts}, "
            detail += f"events {mine}, values before {[(state.ts - t, v) for t, v in values][-12:]}"
            self._findings.wrong("no alert is missed", detail)

    def _remember(self, state: State) -> None:
        """Keep what was in force for a little over one window; note holes in what was observed."""
        for part in ("set", "add"):
            for changed in state.commit.get(part, ()):
                row = state.rows[changed["id"]].row
                for figure in ("price", "volume_5m"):
                    self._keep(state.ts, row, figure)
                steady = not row.get("stale") and state.ts - row["observed_ms"] < SLOT_MS * 2
                if not steady:
                    self._whole_from.pop(row["id"], None)
                else:
                    self._whole_from.setdefault(row["id"], state.ts)

    def _keep(self, ts: int, row: Row, figure: str) -> None:
        values = self._values[row["id"], figure]
        if not values or values[-1][1] != row.get(figure):
            values.append((ts, row.get(figure)))
        while len(values) > 1 and values[1][0] < ts - ALERT_WINDOW_MS - 3 * SLOT_MS:
            values.popleft()

    def _forget(self, ident: str) -> None:
        self._whole_from.pop(ident, None)
        for figure in ("price", "volume_5m"):
            self._values.pop((ident, figure), None)
        for arm in [arm for arm in self._last if arm[0] == ident]:
            del self._last[arm]

    # -- what was heard ---------------------------------------------------------------------------
    def judge_heard(
        self,
        topic: str,
        state: State,
        since: int,
        heard: list[str],
        lost: list[tuple[int, int]],
    ) -> None:
        """A client heard each alert of a topic exactly once, after a version up to a state."""
        self._findings.count("alerts that clients were held to", len(heard))
        found = re.fullmatch(r"alerts(?::(?!L[1-4]\Z)(.+?))?(?::L([1-4]))?", topic)
        assert found is not None
        own, least = found[1] or "", int(found[2] or 1)
        due = [
            event["i"]
            for version, event in self.events[state.epoch]
            if since < version <= state.version
            and event["type"] not in ONLY_NAMED
            and event.get("lvl", 1) >= least
            and event["id"].startswith(f"{own}:" if own else "")
            and not any(first < version <= last for first, last in lost)
        ]
        if lost:
            self._findings.count("times that alerts were reported to be lost", len(lost))
            kept = [i for i in heard if not _is_in(i, lost)]
        else:
            kept = heard
        if kept != due:
            missing = [i for i in due if i not in kept]
            extra = [i for i in kept if kept.count(i) > 1 or i not in due]
            detail = f"{topic} at {state.epoch} {state.version} after {since}: "
            detail += f"missing {missing[:5]}, too many {extra[:5]}"
            self._findings.wrong("a client hears each alert exactly once", detail)

    async def judge_log(self, redis: Any, key: str) -> None:  # noqa: ANN401 - redis-py's types
        """`alerts:log` holds the events as they were committed."""
        entries = await redis.xrevrange(key, count=200)
        now = self._history.now
        if now is None or not entries:
            return
        known = {event["i"]: event for _, event in self.events[now.epoch]}
        ids = [i.decode().replace("-", ".") for i, _ in entries]
        for ident, (_, entry) in zip(ids, entries, strict=True):
            event = known.get(ident)
            self._findings.count("entries of alerts:log")
            if event is not None and event != msgspec.json.decode(entry[b"m"]):
                after = self._history.now
                if after is not None and after.epoch == now.epoch:
                    self._findings.wrong("alerts:log holds what was committed", ident)


def _is_in(ident: str, spans: list[tuple[int, int]]) -> bool:
    version = int(ident.partition(".")[0])
    return any(first < version <= last for first, last in spans)
