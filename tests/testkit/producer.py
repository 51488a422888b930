"""A producer that posts and remembers what was acknowledged."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import httpx
import msgspec

_AGAIN: Final = {"502", "503", "504"}
_AGAIN_S: Final = 1.0  # as Retry-After says
_REPEATS: Final = 3


class Producer:
    """Posts one ever-growing price for tokens of its own, and notes what was acknowledged."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        name: str,
        *,
        key: str = "",
        tokens: int = 20,
        pause_s: float = 0.0,
        repeats: bool = False,
    ) -> None:
        """`repeats`: what may not have arrived is posted again, as docs/HTTP.md advises."""
        self._client = client
        self._name = name
        self._tokens = tokens
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._pause_s = pause_s
        self._repeats = repeats
        self.acknowledged: dict[str, tuple[float, str, int]] = {}  # token → price, epoch, version
        self.failed: Counter[str] = Counter()  # by what was answered instead
        self.repeated: Counter[str] = Counter()
        self.on_answer: Callable[[str], None] = lambda _: None  # "": acknowledged

    async def run(self) -> None:
        """Post for ever; cancel it to end."""
        for number in itertools.count(1):
            failure = await self._post(number)
            if failure:
                self.failed[failure] += 1
            self.on_answer(failure)
            await asyncio.sleep(0.05 if failure.startswith(("429", "503")) else self._pause_s)

    async def _post(self, number: int) -> str:
        """Post, and again where that helps; return what went wrong, "" when nothing did."""
        headers = self._headers
        if self._repeats:
            headers = {**headers, "idempotency-key": secrets.token_hex(16)}
        failure = await self._once(number, headers)
        for _ in range(_REPEATS if self._repeats else 0):
            if failure[:3] not in _AGAIN and not failure.isalpha():
                break
            self.repeated[failure] += 1
            await asyncio.sleep(_AGAIN_S)
            failure = await self._once(number, headers)
        return failure

    async def _once(self, number: int, headers: dict[str, str]) -> str:
        token = f"{self._name}{number % self._tokens}"
        body = {"source": "bot", "tokens": [{"token_address": token, "price": float(number)}]}
        try:
            answer = await self._client.post("/ingest?ack=commit", json=body, headers=headers)
        except httpx.HTTPError as error:
            return type(error).__name__
        if answer.status_code != 200:
            body = answer.json() if answer.headers.get("content-type", "").endswith("json") else {}
            return f"{answer.status_code} {body.get('code', '')}".rstrip()
        body = answer.json()
        fact = (float(number), str(body["epoch"]), int(body["version"]))
        self.acknowledged[f"solana:{token}"] = fact
        return ""


def lost_posts(producers: Iterable[Producer], rows: dict[str, bytes]) -> list[str]:
    """Return the acknowledged prices that the store does not hold any more."""
    lost = []
    for producer in producers:
        for token, (price, epoch, version) in producer.acknowledged.items():
            row = msgspec.json.decode(rows.get(token, b"{}"))
            if row.get("price", -1.0) < price:
                held = row.get("price")
                lost.append(f"{token}: {price} at {epoch} {version}, the store holds {held}")
    return lost
