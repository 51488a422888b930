"""The stream's client rule (docs/STREAM.md), complete, and a client that lives by it.

The pure class is the specification as code; the shell around it reconnects and resumes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Literal

import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.testkit.wait import happening

Rows = dict[str, dict[str, Any]]
Frame = Mapping[str, Any]
RESUME: Final = "RESUME"


class ReferenceClient:
    """What a client holds: rows by topic, the version of each topic, one epoch."""

    def __init__(self) -> None:
        self.epoch = ""
        self.versions: dict[str, int] = {}  # L
        self.rows: dict[str, Rows] = {}
        self.ids: dict[str, list[str]] = {}  # the order of each list
        self.heard: dict[str, list[dict[str, Any]]] = {}  # alerts of each topic …
        self.heard_from: dict[str, int] = {}  # … all of this epoch after this version
        self.lost: dict[str, list[tuple[int, int]]] = {}  # … but those between these
        self.lost_reported = 0
        self.watch: list[str] | None = None  # the watchlist
        self._edit: int | None = None  # the edit of it that is not answered yet
        self.ignored = 0
        self.snaps: dict[str, int] = {}  # how many of each topic
        self.folded = 0  # diffs of more than one commit
        self._parts: dict[str, list[Frame]] = {}
        self._gaps: set[str] = set()  # topics that wait for their repair

    def rx(self, frame: Frame) -> Literal["RESUME"] | None:
        """Take one frame; RESUME: the client must ask for what it misses."""
        match frame["t"]:
            case "snap":
                self._on_snap(frame)
                return None
            case "d":
                return self._on_diff(frame)
            case "hb":
                return self._on_heartbeat(frame)
            case "ev":
                return self._on_events(frame)
            case "lost":
                self.lost_reported += 1
                self.lost.setdefault(frame["k"], []).append((frame["from"], frame["to"]))
            case "ok" if frame.get("id") == self._edit:
                self._edit = None
        return None

    def resume(self, ident: int = 0) -> dict[str, Any]:
        """Return the message that asks for everything after what is held."""
        message = {"id": ident, "op": "resume", "e": self.epoch, "topics": dict(self.versions)}
        return {**message, "watch": self.watch} if "tokens" in self.versions else message

    def edit(self, ident: int, mode: str, ids: list[str]) -> dict[str, Any]:
        """Edit the watchlist; return the message. What is held of it counts no more.

        Its next snapshot that counts comes after the answer to the last edit.
        """
        kept = [i for i in self.watch or [] if mode == "add" or i not in ids]
        self.watch = ids if mode == "set" else kept
        if mode == "add":
            self.watch += [i for i in ids if i not in kept]
        self._edit = ident
        self.versions.pop("tokens", None)
        return {"id": ident, "op": "watch", "mode": mode, "ids": ids}

    def connected(self) -> None:
        """A new connection: drop what was collected of split messages, and open questions."""
        self._parts.clear()
        self._gaps.clear()
        self._edit = None

    def _on_snap(self, frame: Frame) -> None:
        if frame["e"] != self.epoch:
            self.versions.clear()
            self.epoch = frame["e"]
        topic = frame["k"]
        if topic == "tokens" and self._edit is not None:
            return
        parts = self._collect(topic, frame)
        if parts is not None:
            self.heard[topic], self.heard_from[topic] = [], frame["v"]
            self.lost.pop(topic, None)
            self.ids[topic] = [i for part in parts for i in part.get("ids", ())]
            self.rows[topic] = {row["id"]: row for part in parts for row in part["rows"]}
            self.versions[topic] = frame["v"]
            self.snaps[topic] = self.snaps.get(topic, 0) + 1

    def _on_diff(self, frame: Frame) -> Literal["RESUME"] | None:
        topic = frame["k"]
        if self._is_gap(frame):
            return RESUME
        parts = self._new_parts(frame)
        if parts is not None:
            self._apply(self.rows[topic], parts)
            ids = parts[0].get("ids")
            if ids is not None:
                unknown = set(ids) - self.rows[topic].keys()
                assert not unknown, f"{topic} at {frame['v']} lists rows never sent: {unknown}"
                self.ids[topic] = ids
                self.rows[topic] = {i: self.rows[topic][i] for i in ids}
            self.versions[topic] = frame["v"]
            self.folded += frame.get("cf", 1) > 1
        return None

    def _on_events(self, frame: Frame) -> Literal["RESUME"] | None:
        topic = frame["k"]
        if self._is_gap(frame):
            return RESUME
        parts = self._new_parts(frame)
        if parts is not None:
            known = [
                e
                for part in parts
                for e in part.get("ev", ())
                if _version_of(e) > self.versions[topic]
            ]
            self.heard[topic] += known
            self.versions[topic] = frame["v"]
        return None

    def _is_gap(self, frame: Frame) -> bool:
        """Whether something lies between what is held of the topic and the frame."""
        held = self.versions.get(frame["k"])
        if held is None or not held < frame["pv"]:
            return False
        self._gaps.add(frame["k"])  # no heartbeat covers it: the repair must not look old
        return True

    def _new_parts(self, frame: Frame) -> list[Frame] | None:
        """Return all parts of a message that goes on from what is held, once its last has come."""
        held = self.versions.get(frame["k"])
        if held is None or frame["v"] <= held:
            self.ignored += 1
            return None
        return self._collect(frame["k"], frame)

    def _on_heartbeat(self, frame: Frame) -> Literal["RESUME"] | None:
        if frame["e"] != self.epoch:
            return RESUME
        for topic, held in self.versions.items():
            if topic not in self._gaps:
                self.versions[topic] = max(held, frame["v"])
        return None

    def _collect(self, topic: str, frame: Frame) -> list[Frame] | None:
        """Return all parts of a message once its last has come."""
        parts = self._parts.setdefault(topic, [])
        if parts and (parts[0]["t"], parts[0]["v"]) != (frame["t"], frame["v"]):
            parts.clear()
        parts.append(frame)
        if frame.get("more"):
            return None
        self._gaps.discard(topic)
        return self._parts.pop(topic)

    @staticmethod
    def _apply(rows: Rows, parts: list[Frame]) -> None:
        for part in parts:
            for changed in part.get("set", ()):
                assert changed["id"] in rows, f"a row never sent is changed: {changed}"
                row = {**rows[changed["id"]], **changed}
                rows[changed["id"]] = {k: v for k, v in row.items() if v is not None}
            for row in part.get("add", ()):
                rows[row["id"]] = row
            for ident in part.get("del", ()):
                rows.pop(ident, None)


def _version_of(event: Mapping[str, Any]) -> int:
    return int(event["i"].partition(".")[0])


class LiveClient:
    """The asyncio shell: keeps a connection to one of several gateways, resumes on each."""

    def __init__(
        self,
        urls: list[str],
        topics: list[str],
        *,
        hb_s: float = 1.0,
        watch: list[str] | None = None,
        check: Callable[[ReferenceClient], None] | None = None,
    ) -> None:
        """`watch` is the watchlist; `check` is called with the state after every frame."""
        self._check = check
        self.state = ReferenceClient()
        self.urls = urls
        self.topics = topics
        self.watch = watch
        self.status = ""  # `st` of the last heartbeat
        self.frames: list[dict[str, Any]] = []  # all but diffs and snapshots, newest last
        self.resumes = 0
        self.connects = 0
        self.closes: list[int] = []
        self._silence_s = 3 * hb_s
        self._at = 0

    async def run(self) -> None:
        """Follow for ever; cancel it to end."""
        while True:
            url = self.urls[self._at % len(self.urls)]
            self._at += 1
            try:
                async with websockets.asyncio.client.connect(
                    url,
                    compression=None,
                    max_size=None,
                    ping_interval=None,
                    close_timeout=1,
                    proxy=None,
                ) as socket:
                    self.connects += 1
                    await self._follow(socket)
            except ConnectionClosed as error:
                self.closes.append(error.rcvd.code if error.rcvd else 1006)
            except (OSError, InvalidHandshake):
                pass
            await asyncio.sleep(0.05)

    async def _follow(self, socket: websockets.asyncio.client.ClientConnection) -> None:
        """Ask for everything, take what comes; raises TimeoutError after three heartbeats."""
        state = self.state
        state.connected()
        if state.versions:
            await socket.send(json.dumps(state.resume()))
        missing = [topic for topic in self.topics if topic not in state.versions]
        if missing:
            await socket.send(json.dumps({"id": 1, "op": "sub", "topics": missing}))
        if self.watch is not None and "tokens" not in state.versions:
            await socket.send(json.dumps(state.edit(2, "set", self.watch)))
        while True:
            async with asyncio.timeout(self._silence_s):
                frame = json.loads(await socket.recv())
            if frame["t"] == "hb":
                self.status = frame["st"]
            if frame["t"] not in {"snap", "d"}:
                self.frames = [*self.frames[-99:], frame]
            if state.rx(frame) == RESUME:
                self.resumes += 1
                await socket.send(json.dumps(state.resume()))
            if self._check is not None:
                self._check(state)


@contextlib.asynccontextmanager
async def following(*clients: LiveClient) -> AsyncIterator[None]:
    """Let clients run until the block ends; what one of them raises is raised here."""
    async with happening(*(client.run() for client in clients)):
        yield
