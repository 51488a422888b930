"""Which committed changes are alerts (docs/DATA.md, "Alerts"). Pure: rows and times are passed in.

A change is measured against our own committed history: the value that was in force one window ago.
Looking back goes by slots of a tenth of the window, so a token's history is some ten samples. A
sample is taken at the first commit of a slot and says what was in force when the slot began; no
commit in between means that nothing changed, so samples need not follow each other closely.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern  # some ten samples a token share their words
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from shared.state.row import Fields

Row: TypeAlias = Mapping[str, Any]
Levels: TypeAlias = tuple[float, float, float, float]  # percent, ascending; the first: the least

WINDOW_MS: Final = {"5m": 300_000, "1h": 3_600_000}
SLOTS: Final = 10  # per window
_THIN: Final = ":thin"


class AlertRules(Struct, frozen=True, kw_only=True):
    """The settings of alerts; one value for the life of an aggregator. Windows: of WINDOW_MS."""

    price_windows: tuple[str, ...] = ("5m", "1h")
    price_levels: Levels = (5.0, 10.0, 20.0, 50.0)
    volume_windows: tuple[str, ...] = ("5m", "1h")
    volume_levels: Levels = (50.0, 100.0, 200.0, 500.0)
    min_volume: float = 1_000.0  # USD; what is traded for less is no spike
    rearm: float = 0.8  # a level is reported again after a fall below this part of it …
    cooldown_ms: int = 300_000  # … and not before this time has passed


class PriceSample(Struct, frozen=True, array_like=True, gc=False):
    """What was in force when a slot began, and since the sample before; None: not known then."""

    slot: int
    price: float | None = None
    price_source: str = ""
    volume: float | None = None
    sources: str = ""


class Arm(Struct, frozen=True, array_like=True, gc=False):
    """One direction of one figure: what has been reported of it."""

    level: int = 0  # reported and not fallen back from; 0: ready for every level
    reported: int = 0  # level of the last event
    reported_ms: int = 0


_ARMED: Final = Arm()


class Track(Struct, frozen=True, array_like=True, gc=False):
    """A token's history over one window, and what has been reported of it. Stored as JSON."""

    samples: tuple[PriceSample, ...] = ()  # of ascending slots; at most SLOTS + 1
    up: Arm = _ARMED
    down: Arm = _ARMED
    volume: Arm = _ARMED


_NO_TRACK: Final = Track()


class Move(Struct, frozen=True, gc=False):
    """A figure beside its base."""

    change: float  # percent, signed
    base: float  # in force one window ago
    value: float  # committed now


class Crossing(Struct, frozen=True, gc=False):
    """A move that passed a level: an event once the version of its commit is known."""

    type: Literal["price", "volume"]
    window: str
    move: Move
    level: int  # 1-4


def observe(
    track: Track | None, window: str, before: Row | None, now_ms: int
) -> tuple[PriceSample, ...]:
    """Return a track's samples with what was in force until now; the first is the base.

    `before` is the row as committed until now; None for a new one. A value that nobody has observed
    for a window is not known any more: what it does after an outage did not happen in one window.
    """
    size = WINDOW_MS[window] // SLOTS
    slot = now_ms // size
    if track is None or not track.samples or track.samples[-1].slot > slot + 1:  # clock set back
        return (PriceSample(slot),)
    samples = track.samples
    last = samples[-1].slot
    if last >= slot:
        return samples
    kept = tuple([sample for sample in samples if sample.slot >= slot - SLOTS])
    if before is None or before.get("stale"):
        return (*kept, PriceSample(slot))
    until = (before.get("observed_ms", 0) + WINDOW_MS[window]) // size
    if until < slot:
        unknown = PriceSample(slot)
        if until <= last or until < slot - SLOTS:
            return (*kept, unknown)
        return (*kept, _sample(until, window, before), unknown)
    return (*kept, _sample(slot, window, before))


def _sample(slot: int, window: str, row: Row) -> PriceSample:
    # A price that became thin is still its source's: a collapse takes the liquidity with it.
    source = intern((row.get("price_source") or "").removesuffix(_THIN))
    sources = intern(",".join(row.get("sources") or ()))
    return PriceSample(slot, row.get("price"), source, row.get("volume_" + window), sources)


def turn(
    arm: Arm, change: float, levels: Levels, now_ms: int, rules: AlertRules
) -> tuple[Arm, bool]:
    """Return the arm after a look, and whether to report its level. `change` counts its way.

    A level above the last reported one is reported at once; another only after the cool-down. A
    crossing that the cool-down holds back is reported at its end, if the figure is still there.
    A clock that was set back by more than the cool-down does not hold anything back.
    """
    if not arm.level and change <= levels[0]:
        return arm, False
    reached = sum(change > level for level in levels)
    if reached > arm.level:
        if reached > arm.reported or abs(now_ms - arm.reported_ms) >= rules.cooldown_ms:
            return Arm(reached, reached, now_ms), True
        return arm, False
    return _rearmed(arm, change, levels, rules), False


def _rearmed(arm: Arm, change: float, levels: Levels, rules: AlertRules) -> Arm:
    """Return the arm, ready for each level that the change has fallen from."""
    held = sum(change >= level * rules.rearm for level in levels)
    return Arm(held, arm.reported, arm.reported_ms) if held < arm.level else arm


def _ready(
    arms: tuple[Arm, Arm, Arm], base: PriceSample, until_now: PriceSample, rules: AlertRules
) -> tuple[Arm, Arm, Arm]:
    """Return the arms (up, down, volume), ready again by what was in force until now."""
    up, down, volume = arms
    if move := _price_move(base, until_now):
        up = _rearmed(up, move.change, rules.price_levels, rules)
        down = _rearmed(down, -move.change, rules.price_levels, rules)
    if move := _volume_move(base, until_now):
        volume = _rearmed(volume, move.change, rules.volume_levels, rules)
    return up, down, volume


def judge(
    track: Track | None,
    window: str,
    before: Row | None,
    after: Row,
    *,
    now_ms: int,
    rules: AlertRules,
) -> tuple[Track, list[Crossing]]:
    """Return a token's track after a commit, and the levels that it crosses.

    `before` and `after` are the row as committed until now and with this commit. Where there is no
    base nothing is reported, and nothing made ready again. What was in force until now makes a
    level ready first: a change falls without a commit too, when the base comes to the value.
    """
    samples = observe(track, window, before, now_ms)
    held = track or _NO_TRACK
    arms = up, down, volume = held.up, held.down, held.volume
    found: list[Crossing] = []
    base = samples[0]
    if (up.level or down.level or volume.level) and before and not before.get("stale"):
        up, down, volume = _ready(arms, base, _sample(0, window, before), rules)
    if not after.get("stale"):
        now = _sample(0, window, after)
        if window in rules.price_windows and (move := _price_move(base, now)):
            up, rose = turn(up, move.change, rules.price_levels, now_ms, rules)
            down, fell = turn(down, -move.change, rules.price_levels, now_ms, rules)
            if rose or fell:
                found.append(Crossing("price", window, move, (up if rose else down).level))
        if window in rules.volume_windows and (move := _volume_move(base, now)):
            next_, spiked = turn(volume, move.change, rules.volume_levels, now_ms, rules)
            if not spiked or move.value >= rules.min_volume:
                volume = next_
                if spiked:
                    found.append(Crossing("volume", window, move, volume.level))
    if track is not None and samples is track.samples and (up, down, volume) == arms:
        return track, found
    return Track(samples, up, down, volume), found


def _price_move(base: PriceSample, now: PriceSample) -> Move | None:
    # Two sources may differ for ever: a switch from one to the other is no move of the market.
    if not base.price or not now.price or base.price_source != now.price_source:
        return None
    return Move((now.price - base.price) / base.price * 100, base.price, now.price)


def _volume_move(base: PriceSample, now: PriceSample) -> Move | None:
    # The figure is the largest of all sources': one that has joined could alone look like a spike.
    if not base.volume or now.volume is None:
        return None
    if base.sources != now.sources and not _all_were_there(now.sources, base.sources):
        return None
    return Move((now.volume - base.volume) / base.volume * 100, base.volume, now.volume)


def _all_were_there(now: str, before: str) -> bool:
    return set(now.split(",")) <= set(before.split(","))


class Judged(Struct, frozen=True, gc=False):
    """What a commit reports of a token, and the tracks that it changes, by window."""

    crossings: list[Crossing]
    tracks: dict[str, Track]


encode_track = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Track).decode
UNJUDGED: Final = Judged([], {})


class AlertBook:
    """The tracks of all tokens. It holds what the store has taken: `judge` only looks."""

    def __init__(self, rules: AlertRules | None = None) -> None:
        self._rules = rules or AlertRules()
        watched = {*self._rules.price_windows, *self._rules.volume_windows}
        self._windows = [window for window in WINDOW_MS if window in watched]
        self._slot_sizes_ms = [WINDOW_MS[window] // SLOTS for window in self._windows]
        self._tracks: dict[str, dict[str, Track]] = {}

    def judge(self, token: str, before: Row | None, changed: Row, now_ms: int) -> Judged:
        """Judge a commit that changes a token's row from `before` by `changed` (None: unknown)."""
        if not self._windows:
            return UNJUDGED
        after = changed if before is None else {**before, **changed}
        held = self._tracks.get(token, {})
        crossings: list[Crossing] = []
        tracks: dict[str, Track] = {}
        for window in self._windows:
            track = held.get(window)
            next_, found = judge(track, window, before, after, now_ms=now_ms, rules=self._rules)
            crossings += found
            if next_ is not track:
                tracks[window] = next_
        return Judged(crossings, tracks)

    def is_same_look(self, token: str, look_ms: int, later_ms: int) -> bool:
        """Whether a row is measured against the same values, and held back alike, at both times."""
        if any(look_ms // size != later_ms // size for size in self._slot_sizes_ms):
            return False
        cooldown_ms = self._rules.cooldown_ms
        return not any(
            look_ms - arm.reported_ms < cooldown_ms <= later_ms - arm.reported_ms
            for track in self._tracks.get(token, {}).values()
            for arm in (track.up, track.down, track.volume)
        )

    def put(self, token: str, tracks: Mapping[str, Track]) -> None:
        """A commit with these tracks was taken."""
        if tracks:
            self._tracks.setdefault(token, {}).update(tracks)

    def load(self, token: str, stored: Fields) -> None:
        """The store holds this of a token: window → JSON. What cannot be read starts over."""
        for window, data in stored.items():
            try:
                track = _decode(data)
            except ValueError:
                continue
            if window in self._windows:
                self.put(token, {window: track})

    def tracks(self, token: str) -> Mapping[str, Track]:
        """Return what is held of a token, by window."""
        return self._tracks.get(token, {})

    def forget(self, token: str) -> None:
        """The token was removed."""
        self._tracks.pop(token, None)
