"""What is seen of one attempt to call an upstream, for who listens. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from services.fetcher.source import Call, Source


@dataclass(slots=True)
class Attempt:
    """One attempt, filled in as its answer arrives. Status 0: nothing was answered."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    observed_ms: int = 0
    body: bytes = b""


class AttemptListener(Protocol):
    """Who sees every attempt."""

    def attempt(self, source: Source, call: Call) -> AbstractContextManager[Attempt]:
        """Return an attempt to fill in; at the end of the block it is complete, or has failed."""
        ...


class Nobody:
    """Listens to nothing."""

    @contextmanager
    def attempt(self, _source: Source, _call: Call) -> Iterator[Attempt]:
        """Let the attempt pass."""
        yield Attempt()
