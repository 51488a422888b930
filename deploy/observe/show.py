"""Run the demo under some load, a real Prometheus beside it, and print every panel with its data.

What the dashboard would show, without Grafana: each panel's queries are sent to Prometheus' HTTP
API. Needs Debian's `prometheus`. Exit 1: a panel has no data, or an alert fires.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from deploy.observe.load import load
from dexwire.runfile import DEFAULT_FOLDER, Running, find_running
from shared.process.settings import METRICS_PORTS

HERE: Final = Path(__file__).parent
FIRST_PORT: Final = 9401
PROMETHEUS_PORT: Final = 9490
RATE_WINDOW: Final = "30s"
# Nothing of the kind happens in a healthy demo.
MAY_BE_EMPTY: Final = {"Records refused"}
_READY_S: Final = 60.0


async def main(seconds: float) -> int:
    """Show it; return the exit code."""
    if not shutil.which("prometheus"):
        print("needs prometheus: deploy/ci-packages prometheus", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="dexwire-observe-") as name:
        folder = Path(name)
        ports = {job: port for port, job in enumerate(METRICS_PORTS, start=FIRST_PORT)}
        (folder / "prometheus.yml").write_text(local_configuration(ports), encoding="utf-8")
        (folder / "alerts.yml").write_bytes((HERE / "alerts.yml").read_bytes())
        async with _demo(folder) as running, _prometheus(folder) as prometheus:
            print(f"a demo, its readers and producers, for {seconds:g} s …", flush=True)
            async with asyncio.timeout(seconds + 30):
                await load(running, seconds)
            return await show(prometheus)


def local_configuration(ports: dict[str, int]) -> str:
    """Return the configuration that is used in compose, for one machine."""
    configuration = yaml.safe_load((HERE / "prometheus.yml").read_text(encoding="utf-8"))
    for job in configuration["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    return yaml.safe_dump(configuration)


async def show(prometheus: httpx.AsyncClient) -> int:
    """Print every panel and every alert; return 1 when a panel has no data or an alert fires."""
    board = json.loads((HERE / "grafana/dashboards/dexwire.json").read_text(encoding="utf-8"))
    empty = []
    for panel in board["panels"]:
        if panel["type"] == "row":
            print(f"\n== {panel['title']}")
            continue
        found = [line for target in panel["targets"] for line in await _query(prometheus, target)]
        if not found and panel["title"] not in MAY_BE_EMPTY:
            empty.append(panel["title"])
        unit = panel["fieldConfig"]["defaults"]["unit"]
        print(f"{panel['title']} [{unit}]: {'; '.join(found) or 'no data'}")
    answer = (await prometheus.get("/api/v1/rules")).raise_for_status().json()["data"]
    rules = [rule for group in answer["groups"] for rule in group["rules"]]
    firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
    unhealthy = [rule["name"] for rule in rules if rule["health"] != "ok"]
    print(
        f"\nalerts: {len(rules)} rules, firing {firing or 'none'}, in error {unhealthy or 'none'}"
    )
    print(f"panels without data: {empty or 'none'}")
    return int(bool(empty or firing or unhealthy))


async def _query(prometheus: httpx.AsyncClient, target: dict[str, Any]) -> list[str]:
    """Return `legend=value` of each series that a target finds."""
    query = target["expr"].replace("$__rate_interval", RATE_WINDOW)
    answer = await prometheus.get("/api/v1/query", params={"query": query})
    found = []
    for series in answer.raise_for_status().json()["data"]["result"]:
        legend = target["legendFormat"]
        for name, value in series["metric"].items():
            legend = legend.replace("{{" + name + "}}", value)
        value = float(series["value"][1])
        found.append(f"{legend}={value:.4g}" if legend else f"{value:.4g}")
    return found


@contextlib.asynccontextmanager
async def _demo(folder: Path) -> AsyncIterator[Running]:
    options = ["--demo", "--api-port", "0", "--ws-port", "0", "--replay-port", "0"]
    options += ["--images-port", "0"]
    command = [sys.executable, "-m", "dexwire", "up", *options]
    async with _process(command, folder, {"METRICS_PORT": str(FIRST_PORT)}) as log:
        async with asyncio.timeout(_READY_S):
            while True:
                if "ready after" in log.read_text(encoding="utf-8"):
                    break
                await asyncio.sleep(0.2)
        running = find_running(folder / DEFAULT_FOLDER)
        if running is None:
            raise RuntimeError(log.read_text(encoding="utf-8"))
        yield running


@contextlib.asynccontextmanager
async def _prometheus(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    url = f"127.0.0.1:{PROMETHEUS_PORT}"
    command = [
        "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
        f"--web.listen-address={url}", "--log.level=warn",
    ]  # fmt: skip
    async with _process(command, folder, {}), httpx.AsyncClient(base_url=f"http://{url}") as client:
        async with asyncio.timeout(_READY_S):
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get("/-/ready")).status_code == 200:
                        break
                await asyncio.sleep(0.2)
        yield client


@contextlib.asynccontextmanager
async def _process(command: list[str], folder: Path, env: dict[str, str]) -> AsyncIterator[Path]:
    """Run a command in the folder while the context lasts; give the file of its output."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env={**_environment(), **env}, stdout=out, stderr=out
        )
    try:
        yield log
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _environment() -> dict[str, str]:
    """Return what both programs need: settings that are around are not for this demo."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}


if __name__ == "__main__":
    sys.exit(asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)))
