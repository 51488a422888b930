"""Every version of the state, rebuilt from `state:log` and the channel.

It shares no code with the product but the names of keys: a commit is applied, and a digest
computed, as docs/DATA.md and docs/ARCHITECTURE.md say it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

Row = dict[str, Any]
KEEP: Final = 3_000  # versions; some minutes
_raw: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MASK: Final = (1 << 64) - 1


class Held(NamedTuple):
    """One row: the JSON of each field, what it adds to the digest, and the row itself."""

    fields: dict[str, bytes]
    hash: int
    row: Row


class State(NamedTuple):
    """Everything at one version; `commit` made it and `at_s` is when we heard of it."""

    epoch: str
    version: int
    rows: dict[str, Held]
    commit: dict[str, Any]
    at_s: float

    @property
    def ts(self) -> int:
        return int(self.commit["ts"])


Watcher = Callable[[State, State | None], None]


class History:
    """The states that were committed, newest last; `wrong` reports a commit that breaks a rule."""

    def __init__(self, wrong: Callable[[str], None], now_s: Callable[[], float]) -> None:
        self._wrong, self._now_s = wrong, now_s
        self.states: dict[tuple[str, int], State] = {}
        self._kept: deque[tuple[str, int]] = deque()
        self._seen: dict[tuple[str, int], bytes] = {}  # hash of the message that made it
        self.last: dict[str, int] = {}  # epoch → newest version; in the order of the epochs
        self.now: State | None = None
        self.commits = 0
        self.watchers: list[Watcher] = []

    def take(self, data: bytes) -> bool:
        """Take a commit; False: what lies between it and the newest state has to be read first."""
        commit: dict[str, Any] = msgspec.json.decode(data)
        if commit.get("t") != "d":
            return (commit.get("e"), commit.get("v")) in self.states
        key = (commit["e"], commit["v"])
        mark = hashlib.blake2b(data, digest_size=16).digest()
        known = self._seen.get(key)
        if known is not None:
            if known != mark:
                self._wrong(f"two commits made version {key[1]} of epoch {key[0]}")
                self._seen[key] = mark
            return True
        before = self.now
        if before is None or before.epoch != commit["e"]:
            if commit["e"] in self.last and before is not None:
                self._wrong(f"epoch {commit['e']} goes on after epoch {before.epoch} began")
            if commit["pv"] != 0:
                return False
            base: dict[str, Held] = {}
        elif before.version != commit["pv"]:
            return False
        else:
            base = before.rows
        self._seen[key] = mark
        self._note(State(*key, self._applied(base, data, commit), commit, self._now_s()), before)
        return True

    def _applied(
        self, base: dict[str, Held], data: bytes, commit: dict[str, Any]
    ) -> dict[str, Held]:
        rows, at = dict(base), f"commit {commit['v']} of {commit['e']}"
        message = _raw.decode(data)
        for raw in msgspec.json.decode(message.get("set", b"[]"), type=list[msgspec.Raw]):
            changed = {name: bytes(value) for name, value in _raw.decode(raw).items()}
            ident = msgspec.json.decode(changed["id"])
            if ident not in rows:
                self._wrong(f"{at} changes {ident}, which is not there")
                continue
            merged = {**rows[ident].fields, **changed}
            rows[ident] = _held({k: v for k, v in merged.items() if v != b"null"})
        for raw in msgspec.json.decode(message.get("add", b"[]"), type=list[msgspec.Raw]):
            held = _held({name: bytes(value) for name, value in _raw.decode(raw).items()})
            rows[held.row["id"]] = held
        for ident in commit.get("del", ()):
            rows.pop(ident, None)
        digest = f"{sum(held.hash for held in rows.values()) & _MASK:016x}"
        if digest != commit["digest"]:
            self._wrong(f"{at} says digest {commit['digest']}, its rows give {digest}")
        return rows

    def _note(self, state: State, before: State | None) -> None:
        key = (state.epoch, state.version)
        self.states[key] = self.now = state
        self.last[state.epoch] = state.version
        self.commits += 1
        self._kept.append(key)
        while len(self._kept) > KEEP:
            self.states.pop(self._kept.popleft(), None)
        for watcher in self.watchers:
            watcher(state, before)

    def between(self, epoch: str, first: int, last: int) -> Iterator[State]:
        """Yield the states of these versions that are kept."""
        for version in range(first, last + 1):
            state = self.states.get((epoch, version))
            if state is not None:
                yield state

    def is_over(self, epoch: str, version: int) -> bool:
        """Whether this state, if it ever was one, would be known by now."""
        return self.last.get(epoch, -1) >= version or (
            epoch in self.last and self.now is not None and self.now.epoch != epoch
        )


def _held(fields: dict[str, bytes]) -> Held:
    text = b"\n".join(name.encode() + b"=" + fields[name] for name in sorted(fields))
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
    joined = b",".join(msgspec.json.encode(name) + b":" + v for name, v in fields.items())
    return Held(fields, number, msgspec.json.decode(b"{" + joined + b"}"))
