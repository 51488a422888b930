"""`dexwire doctor` finds a right that a service lacks, by an operator's user and by its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dexwire.server.doctor.probe import read_facts
from dexwire.server.doctor.result import Result
from dexwire.server.doctor.rights import COMMANDS, rights
from dexwire.server.doctor.server import judge
from shared.redis.address import RedisAddress
from shared.redis.connect import Redis, open_redis
from shared.redis.users import redis_users
from tests.testkit.redis_servers import Guarded, password

SERVICES = ("fetcher", "aggregator", "api", "ws", "images", "recorder")


@asynccontextmanager
async def as_user(guarded: Guarded, user: str) -> AsyncIterator[Redis]:
    url = guarded.server.url if user == "root" else guarded.url(user)
    given = None if user == "root" else password(user)
    client = open_redis(RedisAddress(url=url, prefix=guarded.prefix, password=given))
    try:
        yield client
    finally:
        await client.aclose()


async def judged(guarded: Guarded, user: str) -> Result:
    async with as_user(guarded, user) as client:
        return await rights(client, guarded.prefix, user)


def change(guarded: Guarded, *rules: str) -> None:
    with guarded.server.client() as client:
        root: Any = client  # an untyped function of the library
        root.execute_command("ACL", "SETUSER", *rules)


def test_every_command_of_the_table_is_known() -> None:
    assert {c for user in redis_users() for c in user.commands} - set(COMMANDS) == set()


async def test_an_operator_sees_that_all_users_may_do_what_they_need(guarded: Guarded) -> None:
    found = await judged(guarded, "root")

    assert found.verdict == "ok"
    assert found.seen == "as they should be: fetcher, aggregator, api, ws, images, recorder, admin"


@pytest.mark.parametrize(
    ("rules", "seen"),
    [
        (("api", "-hset"), "api: hset "),
        (("ws", "-role"), "ws: role"),
        (("aggregator", "clearselectors"), "aggregator: subscribe "),
        (("fetcher", "resetkeys"), "fetcher: "),
    ],
)
async def test_an_operator_sees_what_a_user_lacks(
    guarded: Guarded, rules: tuple[str, ...], seen: str
) -> None:
    change(guarded, *rules)

    found = await judged(guarded, "root")

    assert found.verdict == "fail"
    assert seen in found.seen
    assert "dexwire redis-users" in found.fix


@pytest.mark.parametrize("user", [*SERVICES, "admin"])
async def test_a_service_sees_that_it_may_do_what_it_needs_and_changes_nothing(
    guarded: Guarded, user: str
) -> None:
    found = await judged(guarded, user)

    assert found.verdict == "ok", found.seen
    assert guarded.refused() == [(user, "acl|users")]
    with guarded.server.client() as root:
        assert root.dbsize() == 0


async def test_a_service_sees_what_it_lacks(guarded: Guarded) -> None:
    change(guarded, "ws", "-xrange")

    found = await judged(guarded, "ws")

    assert found.verdict == "fail"
    assert found.seen.startswith("refused: ws: xrange ")


@pytest.mark.parametrize("user", SERVICES)
async def test_what_a_service_may_not_see_is_no_fault(guarded: Guarded, user: str) -> None:
    async with as_user(guarded, user) as client:
        results = judge(await read_facts(client, "unix://x", guarded.prefix))

    faults = {one.name for one in results if one.verdict != "ok"}
    assert faults <= {"aggregator", "data"}  # there is really none, where it can be seen


async def test_one_user_for_everything_is_reported(redis: Redis) -> None:
    found = await rights(redis, "", "")

    assert found.verdict == "ok"
    assert found.seen.startswith("one user does everything")


async def test_a_stranger_is_not_judged(guarded: Guarded) -> None:
    change(guarded, "guest", "on", ">password of guest", "+ping")

    found = await judged(guarded, "guest")

    assert found.seen == "not looked at: guest is none of ours and may not ask"
