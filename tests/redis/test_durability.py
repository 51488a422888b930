"""What is left of the commits when a server with users is killed and comes back from its file."""

from __future__ import annotations

from collections.abc import Callable

from shared.keys import Keys
from shared.redis.connect import open_redis
from shared.state.feed import load
from shared.state.replica import Replica
from tests.testkit.commits import Writer, row
from tests.testkit.redis_servers import Guarded


async def test_every_commit_outlives_a_kill_where_default_is_off(
    guard: Callable[..., Guarded],
) -> None:
    guarded = guard(appendonly="yes", appendfsync="always")
    client, replica = open_redis(guarded.server.url), Replica()
    try:
        writer = Writer(client, Keys(guarded.prefix))
        await writer.begin()
        for number in range(30):
            await writer.commit([row(number)])

        guarded.server.kill()
        guarded.server.start()
        await client.connection_pool.disconnect()
        whole = await load(writer.store, replica, await writer.store.meta())
    finally:
        await client.aclose()

    assert whole
    assert (replica.epoch, replica.version) == ("e1", writer.version)
    assert replica.rows == writer.ledger.history["e1", writer.version]
    assert len(replica.rows) == 30
