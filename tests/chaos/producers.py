"""Producers: what was acknowledged is in the version that the answer names, and never lost."""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.chaos.alerts import JUMPERS
from tests.chaos.deployment import DEAD_AFTER_S
from tests.chaos.findings import Findings
from tests.chaos.history import History, State
from tests.chaos.network import new_client
from tests.chaos.pending import Pending

_REPEATS: Final = 2
# What a repeated batch may say of a value: it is there already.
_FINE: Final = {"same"}
_DEATH_MARGIN_S: Final = 2.0


@dataclass
class Posted:
    """The newest price of a token that was acknowledged, and when it was posted last."""

    price: float
    epoch: str
    version: int
    posted_ms: int


class Acknowledged:
    """What producers were promised; watches that no version goes back behind it."""

    def __init__(self, findings: Findings, history: History, pending: Pending) -> None:
        self._findings, self._history, self._pending = findings, history, pending
        self.tokens: dict[str, Posted] = {}
        self._whole: set[str] = set()  # epochs that were fully written
        history.watchers.append(self._watch)

    def note(self, tokens: dict[str, float], answer: dict[str, Any], posted_ms: int) -> None:
        """A batch was acknowledged: these prices are in that version."""
        epoch, version = answer["epoch"], answer["version"]
        self._findings.count("acknowledged tokens", len(tokens))
        self._pending.add(epoch, version, lambda s: self._judge(tokens, s))
        now = self._history.now
        for ident, price in tokens.items():
            self.tokens[ident] = Posted(price, epoch, version, posted_ms)
            # Versions after it may have come before the answer did.
            if now is not None and now.epoch in self._whole:
                self._check(ident, now)

    def _judge(self, tokens: dict[str, float], state: State) -> None:
        for ident, price in tokens.items():
            held = state.rows.get(ident)
            shown = None if held is None else held.row.get("price")
            if shown is None or shown < price:
                at = f"{ident} {price} acknowledged in {state.epoch} {state.version}"
                self._findings.wrong("what is acknowledged is in that version", f"{at}: {shown}")

    def _watch(self, state: State, _before: State | None) -> None:
        if state.commit.get("seeding"):
            return
        if state.epoch not in self._whole:  # an epoch begins; all of it must be there now
            self._whole.add(state.epoch)
            self._findings.count("epochs")
            for ident in list(self.tokens):
                self._check(ident, state)
            return
        touched = [
            changed["id"] for part in ("set", "add") for changed in state.commit.get(part, ())
        ]
        for ident in (*touched, *state.commit.get("del", ())):
            if ident in self.tokens:
                self._check(ident, state)

    def _check(self, ident: str, state: State) -> None:
        """A token is there with its price, or a newer one, unless it was not posted for long."""
        known = self.tokens[ident]
        if known.epoch == state.epoch and known.version > state.version:
            return
        if state.ts - known.posted_ms > (DEAD_AFTER_S - _DEATH_MARGIN_S) * 1000:
            if ident not in state.rows:
                self.tokens.pop(ident)
                self._findings.count("tokens that died of age")
            return
        self._findings.count("looks at acknowledged tokens")
        held = state.rows.get(ident)
        shown = None if held is None else held.row.get("price")
        if shown is None or shown < known.price:
            at = f"{ident} {known.price} of {known.epoch} {known.version}"
            detail = f"{at}: {shown} in {state.epoch} {state.version}"
            detail += f" {state.ts - known.posted_ms} ms after the post"
            detail += ", not listed" if held is None else f", {held.row}"
            self._findings.wrong("what is acknowledged is never lost", detail)
            self.tokens.pop(ident)

    def check_all(self, state: State) -> None:
        """Look for every one of them."""
        for ident in list(self.tokens):
            self._check(ident, state)


@dataclass
class Producer:
    """Posts ever-growing prices for tokens of its own, a batch at a time, with `ack=commit`."""

    name: str
    apis: list[str]
    tokens: list[str]
    batch: tuple[int, int]  # of tokens: least and most
    pause_s: float
    acknowledged: Acknowledged
    findings: Findings
    excused: Callable[[str], bool]
    seed: int

    async def run(self) -> None:
        """Post for ever; cancel it to end."""
        dice = random.Random(self.seed)
        async with new_client() as client:
            for number in itertools.count(1):
                count = min(dice.randint(*self.batch), len(self.tokens))
                names = dice.sample(self.tokens, count)
                await self._post(client, dice, dict.fromkeys(names, float(number)))
                await asyncio.sleep(self.pause_s)

    async def _post(
        self, client: httpx.AsyncClient, dice: random.Random, prices: dict[str, float]
    ) -> None:
        key = secrets.token_hex(8)
        tokens = [
            {"token_address": name, "price": price, "liquidity": 5_000, "volume_24h": 10 * price}
            for name, price in prices.items()
        ]
        posted_ms = int(time.time() * 1000)  # a repeat keeps the first time of receipt
        for _ in range(1 + _REPEATS):
            answer = await self._once(client, dice.choice(self.apis), tokens, key)
            if answer is not None:
                self._note(prices, answer, posted_ms)
                return
            await asyncio.sleep(1.0)

    async def _once(
        self, client: httpx.AsyncClient, api: str, tokens: list[dict[str, Any]], key: str
    ) -> dict[str, Any] | None:
        try:
            answer = await client.post(
                f"{api}/ingest?ack=commit",
                json={"source": self.name, "tokens": tokens},
                headers={"idempotency-key": key},
            )
        except httpx.HTTPError as error:
            self.findings.count("posts whose outcome is unknown")
            if not self.excused(api):
                detail = f"{type(error).__name__} from {api}"
                self.findings.wrong("an api that runs answers", detail)
            return None
        if answer.status_code == 200:
            body: dict[str, Any] = answer.json()
            return body
        self.findings.count(f"posts answered {answer.status_code}")
        if answer.status_code not in {503, 504}:
            detail = f"{answer.status_code} {answer.text[:200]}"
            self.findings.wrong("posts are taken, 503 or 504", detail)
        return None

    def _note(self, prices: dict[str, float], answer: dict[str, Any], posted_ms: int) -> None:
        self.findings.count("acknowledged batches")
        if answer["accepted"] != len(prices) or answer["rejected"]:
            detail = f"{answer['accepted']} of {len(prices)}, {answer['rejected'][:3]}"
            self.findings.wrong("good tokens are accepted", detail)
            return
        odd = [
            one
            for one in answer["unchanged"]
            if one["code"] not in _FINE and "price" in one["fields"]
        ]
        if odd:
            self.findings.wrong("a new price is shown", str(odd[:3]))
            return
        shown = {f"solana:{name}": price for name, price in prices.items()}
        self.acknowledged.note(shown, answer, posted_ms)


@dataclass
class Unacknowledged:
    """Posts without waiting for a commit."""

    apis: list[str]
    excused: Callable[[str], bool]
    findings: Findings
    seed: int

    async def jump(self, count: int) -> None:
        """Post steady prices of a few tokens that jump now and then, for the law of alerts."""
        dice = random.Random(self.seed)
        prices = {f"{JUMPERS.partition(':')[2]}{n}": 1.0 for n in range(count)}
        steady = dict.fromkeys(prices, 0)
        async with new_client() as client:
            while True:
                for name in prices:
                    steady[name] += 1
                    if steady[name] > 40 + dice.randrange(40):
                        prices[name] *= dice.choice((2.5, 2.5, 0.3))
                        steady[name] = 0
                    prices[name] *= 1.001  # or nothing would say that it was observed
                await self._post(client, dice.choice(self.apis), prices)
                await asyncio.sleep(0.5)

    async def pass_by(self) -> None:
        """Post tokens that nobody posts again: they grow old and are removed."""
        dice = random.Random(self.seed)
        async with new_client() as client:
            for number in itertools.count():
                await self._post(client, dice.choice(self.apis), {f"Once{number}": 1.5})
                await asyncio.sleep(0.7)

    async def _post(self, client: httpx.AsyncClient, api: str, prices: dict[str, float]) -> None:
        tokens = [{"token_address": name, "price": price} for name, price in prices.items()]
        try:
            await client.post(f"{api}/ingest", json={"source": "others", "tokens": tokens})
        except httpx.HTTPError as error:
            if not self.excused(api):
                detail = f"{type(error).__name__} from {api}"
                self.findings.wrong("an api that runs answers", detail)
