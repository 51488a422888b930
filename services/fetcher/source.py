"""What a source is: the shape that each file in services/fetcher/sources fills in.

Nothing here touches a socket, a clock or the environment.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from services.fetcher.settings import SourceSettings
from shared.errors import ConfigError
from shared.history.candle import Tier
from shared.history.foreign import ForeignBar
from shared.model import Reading
from shared.sources import SourceDeclaration

# A factor may shorten an interval to this and no further: below it leases cost more than calls.
MIN_INTERVAL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """What one response body says.

    `found` are the token ids that it names, with or without figures, in its order; `refused`
    counts the records that were left out, by reason. `natives` are readings of the chains' own
    coins that its pools imply; they are published, and neither counted nor offered to be refreshed.
    """

    readings: tuple[Reading, ...] = ()
    found: tuple[str, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    natives: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One GET: where, under which rate class, and how its body is read.

    `read(body, observed_ms)` is pure; it raises `Malformed` when the body as a whole is not what
    the endpoint documents, and refuses single records by counting them.
    """

    path: str  # appended to the base URL, starts with "/"
    read: Callable[[bytes, int], ParsedBody]
    rate_class: str = "default"
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Discovery:
    """Stage one: the same calls each time, which name tokens."""

    name: str
    interval_s: float
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Refresh:
    """Stage two: known tokens requested by address, in batches of one chain.

    `pick` says which: "due" those not requested for longest, "hot" the top-ranked and the watched,
    "priceless" those due whose price in the store is none or this source's.
    One token is not requested again within
    `again_s`. Jobs of one `queue` share the memory of when a token was requested.
    """

    name: str
    interval_s: float
    call: Callable[[str, Sequence[str]], Call]  # (canonical chain, addresses)
    batch: int  # addresses per call
    calls_per_cycle: int
    again_s: float
    pick: Literal["due", "hot", "priceless"] = "due"
    top: int = 0  # "hot": how many of the top-ranked
    queue: str = ""  # empty: the source's main queue, which every discovery is offered to
    chains: frozenset[str] | None = None  # None: whatever chain


Job: TypeAlias = Discovery | Refresh


@dataclass(frozen=True, slots=True)
class PoolCandles:
    """Where a source gives candles of one pool, of the time before us.

    `call(chain, pool, token, tier)` requests them in USD for that token of the pool; its `read`
    gives no readings. `read(body, tier)` is pure; it raises `MalformedBody`. They are requested
    each `interval_s` at most, and only where no other call needs the budget.
    """

    interval_s: float
    call: Callable[[str, str, str, Tier], Call]
    read: Callable[[bytes, Tier], list[ForeignBar]]


@dataclass(frozen=True, slots=True)
class Source:
    """One upstream: address, allowed calls a minute by rate class, and jobs."""

    name: str
    url: str
    rates: Mapping[str, float]
    jobs: tuple[Job, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    candles: PoolCandles | None = None
    warnings: tuple[str, ...] = ()  # what in its settings may be a mistake, for a log line each

    @property
    def host(self) -> str:
        """Name of what limits us: host and base path, so that one replay host can be several."""
        parts = urlsplit(self.url)
        return f"{parts.netloc}{parts.path}"

    def refreshes(self, chain: str) -> bool:
        """Return whether the main queue of this source takes tokens of that chain."""
        return any(
            isinstance(job, Refresh)
            and not job.queue
            and (job.chains is None or chain in job.chains)
            for job in self.jobs
        )

    def sped_up(self, factor: float) -> Source:
        """Return the source with `factor` times the calls at 1/`factor` of the intervals."""
        return replace(
            self,
            rates={name: rate * factor for name, rate in self.rates.items()},
            jobs=tuple(_sped_up(job, factor) for job in self.jobs),
            candles=self.candles
            and replace(self.candles, interval_s=self.candles.interval_s / factor),
        )


def _sped_up(job: Job, factor: float) -> Job:
    interval_s = max(MIN_INTERVAL_S, job.interval_s / factor)
    if isinstance(job, Discovery):
        return replace(job, interval_s=interval_s)
    return replace(job, interval_s=interval_s, again_s=job.again_s / factor)


S = TypeVar("S", bound=SourceSettings)


@dataclass(frozen=True, slots=True)
class SourceSpec(Generic[S]):
    """What a source's file exposes as `SOURCE`."""

    declaration: SourceDeclaration
    settings: type[S]
    build: Callable[[S], Source]

    @property
    def name(self) -> str:
        """Name of the source, which is the name of its file."""
        return self.declaration.name


def find_sources() -> tuple[SourceSpec[Any], ...]:
    """Return the `SOURCE` of every file in services/fetcher/sources, by file name.

    Raises ConfigError for settings that are not under the name of their source.
    """
    package = importlib.import_module("services.fetcher.sources")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(_spec(package.__name__, name) for name in names)


def _spec(package: str, name: str) -> SourceSpec[Any]:
    spec: SourceSpec[Any] = importlib.import_module(f"{package}.{name}").SOURCE
    prefix = f"{name.upper()}_"
    if spec.settings.model_config.get("env_prefix") != prefix:
        wanted = f'its settings must have env_prefix="{prefix}"'
        raise ConfigError(f"services/fetcher/sources/{name}.py: {wanted}")
    return spec
