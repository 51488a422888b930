"""What a first user sees: the page, a list of rows, the stream, all on one port."""

from __future__ import annotations

import contextlib
import io
from functools import partial
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from dexwire.client import Client
from dexwire.conformance.run import conformance
from dexwire.server.store_check import compare_with_store
from tests.deployment.stack import Deployment
from tests.deployment.table import ResultTable

_NEW: Final = 6  # streams that are opened to see where they go
_METRICS: Final = 9104  # of the gateways, in the deployment's own network


async def check_http(stack: Deployment, table: ResultTable) -> None:
    """Ask for the page, for rows, and for what nobody may see."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=10) as http:
        page = await http.get("/")
        table.result("GET /", f"{page.status_code}, {len(page.content)} bytes", ok=page.is_success)
        rows = await http.get("/discover", params={"limit": 100})
        body = rows.json()
        first = body["tokens"][0] if body.get("tokens") else {}
        shown = f"{first.get('token_ticker')} at {first.get('price')} USD"
        count = len(body.get("tokens", ()))
        table.result(
            "GET /discover", f"{count} of {body.get('total')} rows, first {shown}", ok=count > 0
        )
        path = f"/images/{first.get('chain')}/{first.get('token_address')}"
        images = [await http.get(path) for _ in range(4)]  # more than there are replicas
        kinds = {f"{one.status_code} {one.headers.get('content-type', '')}" for one in images}
        seen = f"{', '.join(sorted(kinds))}, {len(images[0].content)} bytes"
        table.result("GET /images", seen, ok=kinds == {"200 image/webp"})
        health = (await http.get("/health")).json()
        table.result("GET /health", f"{health['status']}, demo {health['demo']}", ok=health["demo"])
        hidden = await http.get("/metrics")
        table.result("GET /metrics", str(hidden.status_code), ok=hidden.status_code == 404)
        refused = await http.post("/ingest", json={})
        table.result(
            "POST /ingest without a key", str(refused.status_code), ok=refused.status_code == 401
        )


async def check_stream(stack: Deployment, table: ResultTable) -> None:
    """Check stream, pages and store against each other, as `dexwire conformance` does."""
    client = Client(stack.url, ws_url=f"{stack.url.replace('http', 'ws', 1)}/ws")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        store = partial(compare_with_store, await stack.admin_address())
        code = await conformance(client, store=store, seconds=5.0)
    lines = printed.getvalue().splitlines()
    for line in lines[:-1]:
        table.say(line.strip())
    table.result("the stream, pages and store agree", lines[-1], ok=code == 0)


async def check_sharing(stack: Deployment, table: ResultTable) -> None:
    """Open some streams and see which gateways get them: after restarts one has more."""
    before = await _connections(stack)
    async with contextlib.AsyncExitStack() as opened:
        for _ in range(_NEW):
            await opened.enter_async_context(connect(f"{stack.url.replace('http', 'ws', 1)}/ws"))
        after = await _connections(stack)
    wanted = list(before.values())
    for _ in range(_NEW):
        wanted[wanted.index(min(wanted))] += 1
    fine = stack.sharing != "least_connections" or sorted(after.values()) == sorted(wanted)
    table.result(f"{_NEW} new streams by {stack.sharing}", f"{before} → {after}", ok=fine)


async def _connections(stack: Deployment) -> dict[str, int]:
    """Return how many streams each gateway has."""
    found = {}
    async with httpx.AsyncClient(timeout=10) as http:
        for one in await stack.engine.containers("ws"):
            metrics = await http.get(f"http://{one.networks['internal']}:{_METRICS}/metrics")
            for family in text_string_to_metric_families(metrics.text):
                if family.name == "dexwire_ws_connections":
                    found[one.name] = int(family.samples[0].value)
    return found
