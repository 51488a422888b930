"""Which faults happen when: a function of the seed and the length. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

FIRST_S: Final = 3.0  # of load before the first fault
LAST_S: Final = 12.0  # without a further one, so that everything has come back by the end
PAUSE_S: Final = (1.5, 5.0)  # between the beginnings of two faults
# What was acknowledged outlives a store that loses it as long as one aggregator does that knows it
# (docs/DATA.md, "Redis addresses"): these two do not come close to each other.
APART_S: Final = 12.0
_DRAWS: Final = 50  # until one fits beside those before
DAY_MS: Final = 86_400_000


class Fault(NamedTuple):
    """One fault: what happens to which part, when and for how long; `amount` is in its own unit."""

    at_s: float
    kind: str
    target: str
    lasts_s: float
    amount: int = 0

    def __str__(self) -> str:
        amount = f" {self.amount}" if self.amount else ""
        return f"{self.kind} {self.target}{amount} for {self.lasts_s:.1f} s"


class Kind(NamedTuple):
    """A kind of fault: how often it is drawn, what it can happen to, how long it lasts."""

    weight: int
    targets: tuple[str, ...]
    lasts_s: tuple[float, float]
    amounts: tuple[int, ...] = (0,)


AGGREGATORS: Final = ("aggregator-0", "aggregator-1")
_APIS: Final = ("api-0", "api-1")
_GATEWAYS: Final = ("ws-0", "ws-1")
_FETCHERS: Final = ("fetcher-0", "fetcher-1")
_SERVICES: Final = (*AGGREGATORS, *_APIS, *_GATEWAYS, *_FETCHERS)
LEADER: Final = "leader"  # the aggregator that leads when it happens

KINDS: Final = {
    "kill": Kind(8, (LEADER, LEADER, *_SERVICES, "replay"), (0.1, 2.0)),
    "stop": Kind(5, (LEADER, *_SERVICES), (0.5, 7.0)),
    "half_open": Kind(5, ("aggregator-0", "api-0", "ws-0", "fetcher-0"), (0.1, 0.1)),
    "jump_clock": Kind(4, (*_SERVICES, "replay"), (3.0, 8.0), (DAY_MS, -DAY_MS)),
    "stop_store": Kind(3, ("store",), (0.3, 4.0)),
    "pause_store": Kind(3, ("store",), (0.3, 2.5), (0, 1)),  # 1: writes only
    "kill_clients": Kind(4, ("pubsub", "normal"), (0.1, 0.1)),
    "tiny_buffers": Kind(3, ("store",), (2.0, 6.0)),
    "memory_full": Kind(3, ("store",), (0.5, 4.0)),
    "disk_full": Kind(3, ("store",), (1.0, 4.0)),
    "flush_scripts": Kind(2, ("store",), (0.1, 0.1)),
    "restart_store": Kind(2, ("store",), (0.1, 2.0)),  # killed; back from its append-only file
    "tear_store": Kind(3, ("store",), (0.1, 1.5), (2_000, 20_000, 90_000)),  # bytes off its end
    "empty_store": Kind(3, ("store",), (0.1, 1.5)),
}
LOSES: Final = {"tear_store", "empty_store"}
_OF_THE_STORE: Final = {name for name, kind in KINDS.items() if kind.targets == ("store",)}


def make_plan(
    seed: int, seconds: float, kinds: Mapping[str, Kind] = MappingProxyType(KINDS)
) -> list[Fault]:
    """Return the faults of a run, in order; two of the store never happen at one time."""
    dice = random.Random(seed)
    plan: list[Fault] = []
    at = FIRST_S
    while at < seconds - LAST_S:
        fault = _draw(dice, at, kinds)
        for _ in range(_DRAWS):
            if _fits(fault, plan):
                plan.append(fault)
                break
            fault = _draw(dice, at, kinds)
        at = round(at + dice.uniform(*PAUSE_S), 1)
    return plan


def _draw(dice: random.Random, at_s: float, kinds: Mapping[str, Kind]) -> Fault:
    name = dice.choices(list(kinds), [kind.weight for kind in kinds.values()])[0]
    kind = kinds[name]
    lasts_s = round(dice.uniform(*kind.lasts_s), 1)
    return Fault(at_s, name, dice.choice(kind.targets), lasts_s, dice.choice(kind.amounts))


def _fits(fault: Fault, plan: list[Fault]) -> bool:
    for other in plan:
        over_for = fault.at_s - (other.at_s + other.lasts_s)
        same = fault.target == other.target or {fault.kind, other.kind} <= _OF_THE_STORE
        aggregators = _hits_aggregator(fault) and _hits_aggregator(other)
        if over_for < 1.0 and (same or aggregators):
            return False
        if over_for < APART_S and (
            (fault.kind in LOSES and _hits_aggregator(other))
            or (other.kind in LOSES and _hits_aggregator(fault))
        ):
            return False
    return True


def _hits_aggregator(fault: Fault) -> bool:
    """Whether it ends or stops an aggregator, or its subscription."""
    subscriptions = fault.kind in {"kill_clients", "tiny_buffers"}
    return subscriptions or (
        fault.kind in {"kill", "stop", "half_open"} and fault.target in {LEADER, *AGGREGATORS}
    )
