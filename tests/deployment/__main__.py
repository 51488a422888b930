"""The run, chapter by chapter. `deploy/check --help`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from tests.deployment.budget import check_budget
from tests.deployment.engine import compose_command
from tests.deployment.faults import kill_each, leaders, roll_each
from tests.deployment.image import check_container, check_files, check_image
from tests.deployment.live import check_http, check_sharing, check_stream
from tests.deployment.load import CLIENTS, PRODUCERS, READERS, Load
from tests.deployment.rights import check_rights
from tests.deployment.stack import IMAGE, SERVICES, Deployment
from tests.deployment.table import Failed, ResultTable
from tests.deployment.witness import Witness
from tests.testkit.producer import lost_posts

_HEALTHY_S: Final = 180.0
_BASELINE_S: Final = 15.0
_SETTLE_S: Final = 3.0
_PARTS: Final = ("kills", "rolling")


def main() -> int:
    """Run it all; return the exit code: 0 when everything was right."""
    options = _options()
    if options.engine_setup:
        subprocess.run(options.engine_setup, shell=True, check=True)  # noqa: S602 - its purpose
    table = ResultTable()
    try:
        asyncio.run(_check(options, table))
    except Failed as error:
        table.result("the run", str(error), ok=False)
    return table.end()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="deploy/check",
        description="Build the image, run the whole deployment on a Docker engine, kill and "
        "restart everything under load, take it down, print what was seen. Exit 1: not all right.",
    )
    parser.add_argument(
        "--engine-setup",
        metavar="COMMAND",
        default=os.environ.get("DEPLOY_ENGINE_SETUP", ""),
        help="a shell command that brings an engine, and base images where no registry is reached "
        "(or DEPLOY_ENGINE_SETUP)",
    )
    parser.add_argument(
        "--only", choices=_PARTS, action="append", help="of the faults only these; may be repeated"
    )
    parser.add_argument("--keep", action="store_true", help="leave it running at the end")
    return parser.parse_args()


async def _check(options: argparse.Namespace, table: ResultTable) -> None:
    with Deployment() as stack:
        try:
            await _rise(stack, table)
            await _look(stack, table)
            await _strain(stack, table, options.only or _PARTS)
        finally:
            if options.keep:
                table.say(f"kept: {stack.url}, project {stack.engine.project}")
            else:
                await _fall(stack, table)


async def _rise(stack: Deployment, table: ResultTable) -> None:
    engine = stack.engine
    table.chapter("from nothing: build and start")
    version = (await engine.docker("version", "--format", "{{.Server.Version}}")).splitlines()[-1]
    table.say(f"engine {version}, {' '.join(compose_command())}, port {stack.port}")
    await stack.down()
    started = time.monotonic()
    await engine.compose("build", "api")
    table.result("the image is built", f"in {time.monotonic() - started:.0f} s")
    table.result("open files that the engine gives", str(await stack.settle_open_files()))
    table.say(await stack.settle_sharing())
    await check_image(engine, IMAGE, table)
    await check_files(engine, IMAGE, table)
    started = time.monotonic()
    await stack.up()
    await engine.wait_healthy(SERVICES, _HEALTHY_S, table.say)
    count = len(await engine.containers(*SERVICES))
    table.result("all are healthy", f"{count} containers, {time.monotonic() - started:.0f} s")
    await stack.read_passwords()


async def _look(stack: Deployment, table: ResultTable) -> None:
    engine = stack.engine
    table.chapter("through the proxy: pages and the stream")
    await check_http(stack, table)
    await check_stream(stack, table)
    table.chapter("rights")
    for one in await engine.containers():
        if one.state["Running"] and one.name.endswith("_1"):
            await check_container(engine, one, table)
    await check_rights(stack.connect, stack.passwords, table)
    table.chapter("replicas work together")
    active = await leaders(engine)
    table.result("exactly one aggregator leads", ", ".join(active) or "none", ok=len(active) == 1)
    await check_budget(stack, table)


async def _strain(stack: Deployment, table: ResultTable, parts: Sequence[str]) -> None:
    witness = Witness(stack.connect_admin)
    following = asyncio.create_task(witness.run())
    try:
        async with Load(stack.url, stack.key, witness).running() as load:
            who = f"{READERS} readers, {PRODUCERS} producers, {CLIENTS} stream clients"
            table.chapter(f"under load: {who}")
            await asyncio.sleep(_BASELINE_S)
            seen = load.take()
            table.result(
                f"{_BASELINE_S:.0f} s without a fault",
                f"{len(seen.wrong)} wrong of {seen.pages} pages, {seen.states} client states; "
                f"failed {dict(seen.failed) or 0} of {seen.requests}",
                ok=not seen.wrong and not seen.failed and seen.pages > 0 and seen.states > 0,
            )
            if "kills" in parts:
                table.chapter("kill -9 of each container in turn, under load")
                await kill_each(stack.engine, load, table)
            if "rolling" in parts:
                table.chapter("rolling restart of every service, under load")
                await roll_each(stack.engine, load, table)
                await check_sharing(stack, table)
        await asyncio.sleep(_SETTLE_S)
        load.judge_pages()
        rest = load.take()
        lost = lost_posts(load.producers, witness.rows())
        kept = sum(len(producer.acknowledged) for producer in load.producers)
        table.chapter("after it all")
        table.result(
            "acknowledged posts", f"{kept} kept, {len(lost)} lost", ok=kept > 0 and not lost
        )
        left = f"{rest.pages} judged, {len(rest.wrong)} wrong, {rest.unjudged} not to be judged"
        table.result("the last pages", left, ok=not rest.wrong and not rest.unjudged)
        for line in lost[:3]:
            table.say(line)
        table.say(f"epochs {', '.join(witness.epochs)}; {witness.commits} commits, all replayed")
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        await witness.close()
    audit = await stack.engine.compose("run", "--rm", "-T", "admin", "verify")
    verdict = audit.strip().splitlines()[-1]
    table.result("the audit of the store", verdict, ok=verdict == "clean")
    await check_stream(stack, table)


async def _fall(stack: Deployment, table: ResultTable) -> None:
    table.chapter("down")
    await stack.down()
    await stack.engine.docker("image", "rm", "--force", IMAGE)
    left = await stack.engine.leftovers()
    table.result("nothing is left", ", ".join(left) or "no container, network, volume", ok=not left)


if __name__ == "__main__":
    sys.exit(main())
