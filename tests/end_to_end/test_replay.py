"""Record a run, play the recording: the same states again, whatever the speed and the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dexwire.runfile import find_running
from dexwire.server.settings import UpSettings
from dexwire.server.up.replayed import check_recording
from services.aggregator import app as aggregator
from services.aggregator.settings import AggregatorSettings
from services.fetcher import app as fetcher
from services.fetcher.settings import FetcherSettings
from shared.errors import PipelineError
from shared.keys import Keys
from shared.process.settings import read_settings
from shared.recording.traffic import summarize
from shared.redis.connect import Redis, open_redis
from shared.state.messages import Commit, decode
from shared.state.store import Store
from tests.testkit.process import Process
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
PORTS = ("--api-port", "0", "--ws-port", "0", "--images-port", "0")


async def digests(redis: Redis, keys: Keys) -> dict[int, str]:
    """What the log says of each version: its digest, and how many tokens it changes."""
    found = {}
    store = Store(redis, keys)
    for message in await store.log(0, (await store.meta()).version) or []:
        commit = decode(message)
        assert isinstance(commit, Commit)
        changed = (len(commit.set), len(commit.add), len(commit.del_), len(commit.ev))
        found[commit.v] = f"{commit.digest} {commit.ts} {changed}"
    return found


async def play_here(
    redis: Redis, redis_url: str, keys: Keys, file: Path, versions: int
) -> dict[int, str]:
    """Play a recording with this process's own aggregator and fetcher, ten times as fast."""
    began_ms, stop = summarize(file).head.began_ms, asyncio.Event()
    follows = AggregatorSettings(
        redis_url=redis_url, redis_prefix=keys.prefix, playback_from_ms=began_ms
    )
    plays = FetcherSettings(
        redis_url=redis_url, redis_prefix=keys.prefix, play_traffic=file, play_speed=100
    )

    async def is_there() -> bool:
        return len(await digests(redis, keys)) >= versions

    async with asyncio.TaskGroup() as services:
        services.create_task(aggregator.run(follows, stop))
        services.create_task(fetcher.run(plays, stop))
        try:
            await eventually(is_there, timeout_s=60, every_s=0.2)
        finally:
            stop.set()
    return await digests(redis, keys)


async def test_the_same_recording_twice_gives_the_same_state_at_each_version(
    spawn_dexwire: Spawn, tmp_path: Path, redis: Redis, redis_url: str, keys: Keys
) -> None:
    file = tmp_path / "market.jsonl.zst"
    recorded = spawn_dexwire("record", str(file), "--demo", "--minutes", "0.1")
    assert recorded.wait(60) == 0, recorded.output()
    assert "ended by its time" in recorded.output()

    up = spawn_dexwire(
        "up", "--replay", str(file), "--speed", "10", *PORTS, env={"PYTHONHASHSEED": "7"}
    )
    await eventually(lambda: "playback_ended" in up.output(), timeout_s=60)
    running = find_running(tmp_path / ".dexwire")
    assert running is not None
    async with open_redis(running.redis_url) as theirs:
        first = await digests(theirs, Keys(running.redis_prefix))
    second = await play_here(redis, redis_url, keys, file, len(first))

    assert len(first) > 10
    assert first == second
    assert "REPLAY: " in up.output()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"demo": True}, "--demo and --replay: choose one"),
        ({"redis_url": "redis://127.0.0.1:1/0"}, "leave out --redis-url"),
        ({"data_dir": "here"}, "leave out --data-dir"),
        ({}, "foreign.zst is no recording of dexwire"),
    ],
)
async def test_what_cannot_be_played_is_said(
    tmp_path: Path, given: dict[str, object], complaint: str
) -> None:
    file = tmp_path / "foreign.zst"
    file.write_bytes(b"something else")

    with pytest.raises(PipelineError, match=complaint):
        await check_recording(read_settings(UpSettings, replay_file=file, **given))


def test_a_foreign_file_ends_the_command_before_anything_starts(
    spawn_dexwire: Spawn, tmp_path: Path
) -> None:
    (tmp_path / "foreign.zst").write_bytes(b"something else")

    up = spawn_dexwire("up", "--replay", "foreign.zst", *PORTS)

    assert up.wait(20) == 1
    assert up.output() == "dexwire: foreign.zst is no recording of dexwire\n"
