"""The routes that `bench/discover.py` measures `/discover` beside. KIND names one of them.

`bare`: Starlette and uvicorn with the bytes of one page in memory, so nothing but HTTP is measured.
`sequential`: what most services begin with, ZREVRANGE and HGETALL per row, JSON per request.
"""

from __future__ import annotations

import json
import os
from typing import Any

import httpx
import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

LIMIT = 50


def bare() -> Starlette:
    body = httpx.get(os.environ["PAGE"]).content

    async def page(_: Request) -> Response:
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/", page)])


def sequential() -> Starlette:
    prefix = os.environ["REDIS_PREFIX"]
    redis: Any = Redis.from_url(os.environ["REDIS_URL"])

    async def page(_: Request) -> Response:
        ids = await redis.zrevrange(f"{prefix}index:volume_24h", 0, LIMIT - 1)
        rows = [await redis.hgetall(f"{prefix}token:{token.decode()}") for token in ids]
        tokens = [{k.decode(): json.loads(v) for k, v in row.items()} for row in rows]
        return Response(json.dumps({"tokens": tokens}), media_type="application/json")

    return Starlette(routes=[Route("/", page)])


if __name__ == "__main__":
    app = {"bare": bare, "sequential": sequential}[os.environ["KIND"]]()
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ["PORT"]), loop="uvloop", http="httptools",
        access_log=False, log_level="warning",
    )  # fmt: skip
