"""A new source is one new file: that of docs/NEW_SOURCE.md, dropped into a copy of dexwire."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from dexwire.runfile import Running, find_running
from dexwire.server.up.net import http_get
from shared.process.settings import METRICS_PORTS
from tests.testkit.blocks import blocks
from tests.testkit.process import ROOT, Process, free_port_range
from tests.testkit.upstream import Upstream, upstream
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
PEPE = "ethereum:0x6982508145454ce325ddbe47a25d4ec3d2311933"
(PROGRAM,) = (block for block in blocks("python") if block.page == "docs/NEW_SOURCE.md")
(ANSWER,) = (block for block in blocks("json") if block.page == "docs/NEW_SOURCE.md")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of dexwire with one file more."""
    tree = tmp_path / "tree"
    for name in ("dexwire", "services", "shared"):
        shutil.copytree(ROOT / name, tree / name)  # what is compiled goes along
    (tree / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "licences.toml", tree / "deploy")  # a page is made of it
    source = tree / "services/fetcher/sources/pooldesk.py"
    source.write_text(PROGRAM.text, encoding="utf-8")
    return tree


def answering(server: Upstream) -> None:
    """Answer as docs/NEW_SOURCE.md shows it, also a token that is refreshed by its address."""
    body = ANSWER.text.encode()
    server.answer("/networks/eth-main/pools", body)
    server.answer("/networks/bnb-main/pools", b'{"pools": []}')
    server.answer(f"/networks/eth-main/tokens/{PEPE.partition(':')[2]}", body)


async def get(running: Running, path: str) -> Any:  # noqa: ANN401 - JSON
    status, body = await http_get("127.0.0.1", int(running.api.rpartition(":")[2]), path)
    assert status == 200, body[:200]
    return json.loads(body)


async def test_a_file_of_a_new_source_is_all_that_it_takes(
    tree: Path, spawn_dexwire: Spawn
) -> None:
    metrics = free_port_range(len(METRICS_PORTS))
    async with upstream() as desk:
        answering(desk)
        env = {
            "PYTHONPATH": str(tree),
            "POOLDESK_URL": desk.url,
            "DEXSCREENER_ENABLED": "false",
            "GECKOTERMINAL_ENABLED": "false",
            "JUPITER_ENABLED": "false",
        }
        up = spawn_dexwire(
            *("up", "--api-port", "0", "--ws-port", "0"), env=env | {"METRICS_PORT": str(metrics)}
        )
        await eventually(lambda: "ready after" in up.output(), timeout_s=40)
        running = find_running(Path(".dexwire"))
        assert running is not None

        (row,) = (await get(running, "/discover?source=pooldesk"))["tokens"]
        assert (row["id"], row["token_ticker"], row["price"]) == (PEPE, "PEPE", 0.0000112)
        assert (row["liquidity"], row["volume_24h"]) == (21_500_000.5, 4_200_000)
        assert (row["sources"], row["price_source"]) == (["pooldesk"], "pooldesk")
        assert (await get(running, "/discover?chain=eth-main"))["total"] == 1

        async def polled() -> Any:  # noqa: ANN401 - JSON
            sources = (await get(running, "/health"))["sources"]
            return sources if sources["pooldesk"]["state"] == "ok" else None

        sources = await eventually(polled, timeout_s=10)
        assert list(sources) == ["dexscreener", "jupiter", "geckoterminal", "pooldesk"]
        assert [each["state"] for each in sources.values()] == ["off", "off", "off", "ok"]

        token = {"chain": "ethereum", "token_address": PEPE.partition(":")[2], "price": 1}
        async with httpx.AsyncClient(base_url=running.api, trust_env=False) as client:
            config = (await client.get("/config.json")).json()
            refused = await client.post("/ingest", json={"source": "pooldesk", "tokens": [token]})
        declared = config["sources"][3]
        assert (declared["title"], declared["letter"]) == ("Pool Desk", "P")
        assert refused.status_code == 422
        assert refused.json()["detail"].startswith("pooldesk is the name of a polled source")

        _, counted = await http_get("127.0.0.1", metrics, "/metrics")
        assert re.search(rb'dexwire_upstream_calls_total{.*source="pooldesk".*} [1-9]', counted)

        _, counted = await http_get("127.0.0.1", metrics + 1, "/metrics")
        assert re.search(rb'dexwire_aggregator_readings_total{source="pooldesk"} [1-9]', counted)

        doctor = spawn_dexwire("doctor", "--upstream", env=env)
        await asyncio.to_thread(doctor.wait, 30)
        assert "ok    source pooldesk     ok\n" in doctor.output()
        assert f"ok    upstream pooldesk   {desk.url[7:]}: HTTP 200" in doctor.output()
        settings = spawn_dexwire("config", env=env)
        assert settings.wait(20) == 0
        shown = dict(re.findall(r"^  (\w+) +(\S+) ", settings.output(), re.MULTILINE))
        assert shown["POOLDESK_URL"] == desk.url
        assert shown["POOL_SOURCES"] == "dexscreener,geckoterminal,pooldesk"
        assert shown["NAME_ORDER"] == "jupiter,dexscreener,geckoterminal,pooldesk,ingest"


@pytest.mark.parametrize("command", ["fetcher", "api", "config"])
def test_a_file_that_declares_nothing_is_named_by_whatever_reads_it(
    tree: Path, spawn_dexwire: Spawn, command: str
) -> None:
    (tree / "services/fetcher/sources/deskpool.py").write_text("SOURCE = 1\n", encoding="utf-8")

    process = spawn_dexwire(command, env={"PYTHONPATH": str(tree), "REDIS_URL": "redis://[::1]:1"})

    assert process.wait(20) == 78
    assert process.output() == (
        "dexwire: wrong setting: services/fetcher/sources/deskpool.py: there is no "
        "SourceDeclaration(...) at the top of the file\n"
    )


async def test_a_source_whose_code_is_broken_stops_the_fetcher_alone(
    tree: Path, spawn_dexwire: Spawn
) -> None:
    with (tree / "services/fetcher/sources/pooldesk.py").open("a", encoding="utf-8") as source:
        source.write("import nothing_of_this_name\n")
    env = {"PYTHONPATH": str(tree), "REDIS_URL": "redis://[::1]:1", "API_PORT": "0"}

    api, fetcher = (spawn_dexwire(service, env=env) for service in ("api", "fetcher"))

    assert await asyncio.to_thread(fetcher.wait, 30) == 1
    assert "nothing_of_this_name" in fetcher.output()
    await eventually(lambda: "api_listening" in api.output(), timeout_s=20)


def test_its_settings_are_in_the_documents_that_are_generated(tree: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dexwire.server.documents"],
        env=os.environ | {"PYTHONPATH": str(tree)}, cwd=tree, capture_output=True, encoding="utf-8",
        timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    line = "| `POOLDESK_POOLS_INTERVAL_S` | `15` | more than 0, up to 86400 s |"
    assert line in (tree / "docs/SETTINGS.md").read_text(encoding="utf-8")
    assert "\n#POOLDESK_URL=https://api.pooldesk.example\n" in (tree / ".env.example").read_text(
        encoding="utf-8"
    )


def test_the_example_is_written_as_the_sources_are() -> None:
    name = "services/fetcher/sources/pooldesk.py"
    for command in (["check"], ["format", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", name, "-"],
            input=PROGRAM.text, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60,
            check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "")
