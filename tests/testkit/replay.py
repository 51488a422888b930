"""What the replay tests share: an app with a hand-set clock, and the shape of JSON values."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from msgspec import Struct, field

from services.replay.app import build_app
from services.replay.settings import ReplaySettings
from tests.testkit.process import free_port

NOON = 1_795_262_400_000  # 21 November 2026, 12:00 UTC
# Coverage and a loaded machine: speed tests are there for what is slower by orders of magnitude.
SLOWNESS = 5


class Clock(Struct):
    now_ms: int = NOON

    def __call__(self) -> int:
        return self.now_ms


class Replay(Struct, frozen=True):
    """A client of the stand-in, and its clock."""

    client: httpx.AsyncClient
    clock: Clock

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/json")
        return answer.json()


@asynccontextmanager
async def replay(*, tokens: int = 0, seed: int = 1, now_ms: int = NOON) -> AsyncIterator[Replay]:
    clock = Clock(now_ms)
    app = build_app(ReplaySettings(replay_tokens=tokens, replay_seed=seed), clock)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://replay") as client:
        yield Replay(client, clock)


@asynccontextmanager
async def serve_replay(now_ms: Callable[[], int], *, tokens: int) -> AsyncIterator[dict[str, str]]:
    """Serve the replayed market by this clock; yield the settings of a fetcher of it."""
    app = build_app(ReplaySettings(replay_tokens=tokens), now_ms)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    base = f"http://127.0.0.1:{port}"
    try:
        yield {
            "DEXSCREENER_URL": f"{base}/dexscreener",
            "JUPITER_URL": f"{base}/jupiter",
            "GECKOTERMINAL_URL": f"{base}/geckoterminal/api/v2",
        }
    finally:
        server.should_exit = True
        await serving


class Shape(Struct):
    """Which types and, for objects, which fields the values at one place have."""

    types: set[str] = field(default_factory=set)
    fields: dict[str, Shape] = field(default_factory=dict)
    always: set[str] | None = None
    items: list[Any] = field(default_factory=list)


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return {type(None): "null", str: "string", dict: "object", list: "array"}[type(value)]


def shape_of(values: Iterable[Any]) -> Shape:
    """Return the union of the shapes of some values; elements of arrays are the field `[]`."""
    shape = Shape()
    inside: dict[str, list[Any]] = {}
    for value in values:
        shape.types.add(_type(value))
        if isinstance(value, dict):
            shape.always = set(value) if shape.always is None else shape.always & set(value)
            for name, part in value.items():
                inside.setdefault(name, []).append(part)
        elif isinstance(value, list):
            inside.setdefault("[]", []).extend(value)
    shape.fields = {name: shape_of(parts) for name, parts in inside.items()}
    return shape


def misfits(ours: Shape, theirs: Shape, *, at: str = "", known: frozenset[str]) -> list[str]:
    """Return where our shape leaves theirs: other types, fields unheard of, fields never absent.

    `known` places are documented without being in a recording.
    """
    faults = [f"{at}: {kind}" for kind in sorted(ours.types - theirs.types) if at not in known]
    faults += [
        f"{at}.{name} is absent" for name in (theirs.always or set()) - (ours.always or set())
    ]
    for name, part in ours.fields.items():
        place = f"{at}.{name}"
        if name in theirs.fields:
            faults += misfits(part, theirs.fields[name], at=place, known=known)
        elif place not in known:
            faults.append(f"{place} is unheard of")
    return faults
