"""One connection as the hub knows it: what it listens to and how far it has been served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from services.ws.core.rooms import TopicSet
from services.ws.core.topics import Topic


class MessageSink(Protocol):
    """One connection's way out."""

    @property
    def paused(self) -> bool:
        """Whether so much is unsent that nothing more may be written."""

    @property
    def deflate(self) -> bool:
        """Whether the client takes compressed frames."""

    def write(self, data: bytes) -> None:
        """Write finished frames."""


@dataclass(frozen=True, slots=True)
class ClientPosition:
    """The state that a client says it holds of a topic."""

    epoch: str
    version: int


class Member:
    """One connection."""

    __slots__ = (
        "address",
        "answers",
        "epoch",
        "generation",
        "pause_ms",
        "pending",
        "reported_ms",
        "sent_v",
        "sink",
        "topics",
        "waiting",
    )

    def __init__(self, sink: MessageSink, topics: TopicSet, address: str = "") -> None:
        self.sink = sink
        self.address = address  # of the client; empty: unknown
        self.topics = topics
        self.epoch = ""  # the epoch that the client believes in
        self.sent_v = 0  # all its topics have been written through this version
        self.generation = 0  # of the load that it was written from
        self.waiting: dict[
            str, tuple[Topic, ClientPosition | None]
        ] = {}  # requested, not yet written
        self.answers: list[bytes] = []  # to be written just before those
        self.pause_ms = 0.0  # least time between two groups; the client chose it
        self.reported_ms = 0  # when it was last sent a commit
        self.pending: Iterator[bytes] | None = None  # the group in flight

    @property
    def is_idle(self) -> bool:
        """Whether it has topics, nothing in flight, nothing requested and no rate of its own."""
        return not (
            self.pending is not None
            or self.waiting
            or self.answers
            or self.pause_ms
            or self.sink.paused
            or not self.topics.rooms
        )
