"""What one commit writes: a list of Redis commands, and the checks before them. Pure.

The script `commit.lua` runs the commands if the store is where the plan says, and then writes the
version, the log and the message itself, so no plan can forget them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from shared.keys import ALERTS_MAX_ENTRIES, Keys
from shared.model import METRICS
from shared.state.row import NULL, Fields

Command: TypeAlias = tuple[str, ...]

_METRIC_OF_FIELD: Final = {name: metric for metric, name in METRICS.items()}
_MOST_ARGUMENTS: Final = 2_000  # of one command, in pairs; Lua unpacks at most 8,000


@dataclass(frozen=True, slots=True)
class CommitPlan:
    """Everything that one commit changes. Scores are finite: the store does not roll back."""

    fence: str
    epoch: str
    commit_id: str
    pv: int
    ts: int
    digest: str
    tokens: int
    horizon: int
    seeding: bool
    message: bytes
    commands: Sequence[Command] = ()
    log_from: int = 0  # the oldest version that the log keeps


@dataclass(slots=True)
class Writes:
    """Collects the commands of the commit that makes `version`."""

    keys: Keys
    version: int
    _commands: list[Command] = field(default_factory=list)
    _scores: dict[str, list[str]] = field(default_factory=dict)  # metric → score, id, score …
    _unranked: dict[str, list[str]] = field(default_factory=dict)  # metric → ids that leave it
    _events: int = 0

    def add_row(self, token: str, fields: Fields) -> None:
        """Write a whole row in place of what is stored under its id."""
        self._commands.append(("DEL", self.keys.token(token)))
        self._set(token, [(name, value) for name, value in fields.items() if value != NULL])

    def change_row(self, token: str, changed: Fields) -> None:
        """Write the changed fields of a row; null: the field became unknown."""
        self._set(token, [(name, value) for name, value in changed.items() if value != NULL])
        unknown = [name for name, value in changed.items() if value == NULL]
        if unknown:
            self._commands.append(("HDEL", self.keys.token(token), *unknown))
        for name in unknown:
            if name in _METRIC_OF_FIELD:
                self._unranked.setdefault(_METRIC_OF_FIELD[name], []).append(token)

    def _set(self, token: str, known: list[tuple[str, bytes]]) -> None:
        command = ["HSET", self.keys.token(token)]
        for name, value in known:
            text = value.decode()
            command += (name, text)
            if name in _METRIC_OF_FIELD:
                self._scores.setdefault(_METRIC_OF_FIELD[name], []).extend((text, token))
        if known:
            self._commands.append(tuple(command))

    def remove(self, token: str) -> None:
        """Remove a row with all that is stored beside it; the removal is remembered."""
        keys = self.keys
        self._commands += (
            ("DEL", keys.token(token), keys.reading(token), keys.alert_base(token)),
            ("ZADD", keys.gone, str(self.version), token),
        )
        for metric in METRICS:
            self._unranked.setdefault(metric, []).append(token)

    def returned(self, token: str) -> None:
        """Forget that a token was removed: it is back."""
        self._commands.append(("ZREM", self.keys.gone, token))

    def put_readings(self, token: str, sources: Fields) -> None:
        """Store readings: source → JSON."""
        self._commands += _in_parts(("HSET", self.keys.reading(token)), list(_pairs(sources)))

    def put_alert_bases(self, token: str, windows: Fields) -> None:
        """Store what alerts of a token are judged by: window → JSON."""
        self._commands.append(("HSET", self.keys.alert_base(token), *_pairs(windows)))

    def add_event(self, event: bytes, ts: int) -> None:
        """Log an entry of the message's `ev`; ids follow the version's, so none comes twice."""
        kept, number = str(ALERTS_MAX_ENTRIES), f"{self.version}-{self._events}"
        entry = ("m", event.decode(), "ts", str(ts))
        self._commands.append(("XADD", self.keys.alerts_log, "MAXLEN", kept, number, *entry))
        self._events += 1

    def put_natives(self, prices: bytes) -> None:
        """Store the prices of the chains' own coins, all of them, as JSON."""
        self._commands.append(("HSET", self.keys.meta, "native", prices.decode()))

    def commands(self) -> list[Command]:
        """Return the commands; those of an index are joined into a few."""
        found = self._commands
        for metric, members in self._scores.items():
            found += _in_parts(("ZADD", self.keys.index(metric)), members)
        for metric, left in self._unranked.items():
            found += _in_parts(("ZREM", self.keys.index(metric)), left)
        return found


def _pairs(fields: Fields) -> Iterator[str]:
    for name, value in fields.items():
        yield name
        yield value.decode()


def _in_parts(head: Command, arguments: list[str]) -> Iterable[Command]:
    for start in range(0, len(arguments), _MOST_ARGUMENTS):
        yield (*head, *arguments[start : start + _MOST_ARGUMENTS])
