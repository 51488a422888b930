"""Every user and everything that is done in Redis, cell by cell, on a real server.

What is expected stands in one table, written by hand: `x` is allowed, `-` is refused with an entry
in the ACL log. Nothing of it is derived from the table in shared/redis/users.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Final

import pytest
import redis.exceptions

from dexwire.server.verify import audit
from services.api.discover.pinned_orders import PinnedOrders
from services.api.health import Health
from services.api.ingest.receipts import Receipts
from services.api.tokens import TokenEndpoint
from services.fetcher.budget import Budget
from services.fetcher.due import DueTokens
from services.fetcher.jobs import Leases
from services.fetcher.publish import Publisher
from services.fetcher.runner import JobRunner
from services.fetcher.status import StatusBoard
from services.ws.alert_history import read_history
from services.ws.watched import publish_watched
from shared.history.foreign import ForeignCandles
from shared.history.handover import hand_over
from shared.keys import Keys
from shared.merge.policy import MergeRules
from shared.redis.address import RedisAddress
from shared.redis.connect import open_redis
from shared.redis.users import redis_users
from shared.state.feed import load
from shared.state.replica import Replica
from tests.testkit.commits import Writer, row
from tests.testkit.market import reading
from tests.testkit.redis_servers import Guarded, password

CANDLES: Final = ForeignCandles(id="solana:A", tier="1h", origin="a:b", bars=[])
USERS: Final = ("fetcher", "aggregator", "api", "ws", "images", "recorder", "admin")

# What the services do, in the order of their work, by user as in USERS.
SERVICES: Final = """
connect                                                     x x x x x x x
ask who is primary                                          x x x x x x x
ask who owns which slot                                     x x x x x x x
choose a database                                           x x x x x x x
publish readings                                            x - x - - - -
take a job, renew and finish it                             x - - - - - -
give a job back                                             x - - - - - -
take a call of the budget                                   x - - - - - -
ask everyone to hold                                        x - - - - - -
offer tokens                                                x - - - - - -
forget the oldest tokens                                    x - - - - - -
take the tokens that are due                                x - - - - - -
drop the tokens nobody names                                x - - - - - -
take named tokens                                           x - - - - - -
read what is hot                                            x - - - - - -
read who gives a price                                      x x - x x - -
write a source's status                                     x - - - - - -
hand candles to the recorder                                x - - - - - -
take the lease                                              - x - - - - -
renew the lease                                             - x - - - - -
give the lease back                                         - x - - - - -
begin an epoch                                              - x - - - - -
commit                                                      - x - - - - -
send a heartbeat                                            - x - - - - -
note how far the channel is read                            - x - - - - -
read the stored readings                                    - x x - - - x
read what alerts are judged by                              - x - - - - x
load the state                                              - x x x - x x
know the server                                             - x x x - x x
follow the state                                            - x x x - x x
report that the state went back                               - x x x - - -
hear readings                                               - x - - - - -
answer a page                                               - - x - - - -
answer a token                                              - - x - - - x
answer health                                               - - x - - - x
count a post                                                - - x - - - -
note a batch                                                - - x - - - -
note an answer                                              - - x - - - -
accept a batch                                              - - x - - - -
share the secret of cursors                                 - - x - - - -
pin an order                                                - - x - - - -
walk an order                                               - - x - - - -
publish watched                                             - - - x - - -
read the alerts of the past                                 - - - x - - -
serve an image                                              - - - - x - -
take candles that were handed over                          - - - - - x -
read which sources are down                                 - - x - - x x
read what is watched                                        x - - - - x -
audit the store                                             - - - - - - x
ask what the doctor asks                                    - - - - - - x
look at a pinned order                                      - - x - - - x
have a snapshot written                                       - - - - - - x
"""

# What nobody, or one alone, may do: fetcher, aggregator, api, ws, images, recorder, admin
ATTACKS: Final = """
forge a diff                                                - x - - - - -
forge a diff in a script                                    - x - - - - -
forge readings                                              x - x - - - -
listen in on readings                                       - x - - - - -
listen to everything                                        - - - - - - -
listen to another's channel                                 - - - - - - -
steal the lease                                             - x - - - - -
end the lease                                               - x - - - - -
change a row                                                - x - - - - -
change a row in a script                                    - x - - - - -
change an index                                             - x - - - - -
change the log                                              - x - - - - -
change how far the channel is read                          - x - - - - -
change what is watched                                      - - - x - - -
change the calls that are left                              x - - - - - -
change the outcome of a batch                               - - x - - - -
read the outcome of a batch                                 - - x - - - x
read the secret of cursors                                  - - x - - - -
change the secret of cursors                                - - x - - - -
read a key of another prefix                                - - - - - - -
write a key of another prefix                               - - - - - - -
run a script of one's own                                   - - - - - - -
forget all scripts                                          - - - - - - -
delete everything                                           - - - - - - -
list all keys                                               - - - - - - -
read the configuration                                      - - - - - - -
change the configuration                                    - - - - - - -
read the users                                              - - - - - - -
change the users                                            - - - - - - -
see who is connected                                        - - - - - - -
disconnect somebody                                         - - - - - - -
watch all commands                                          - - - - - - -
make it a replica                                           - - - - - - -
stop the server                                             - - - - - - -
take a dump                                                 - - - - - - -
move a key                                                  - - - - - - -
"""


class World:
    """One user's client, and what it may act upon."""

    def __init__(self, redis: Any, keys: Keys, writer: Writer) -> None:  # noqa: ANN401
        self.redis, self.keys, self.writer = redis, keys, writer
        self.store = type(writer.store)(redis, keys)
        self.me = writer.through(redis)  # the same state, through this user
        self.leases, self.due = Leases(redis), DueTokens(redis, keys, known_max=1)
        self.views = PinnedOrders(redis, keys, SimpleNamespace(replica=None), None)  # type: ignore[arg-type]
        self.receipts = Receipts(redis, keys, rate=50, burst=100)

    async def listen(self, *channels: str) -> None:
        async with self.redis.pubsub() as pubsub:
            await pubsub.subscribe(*channels)
            for _ in channels:
                await pubsub.get_message(timeout=1)

    async def script(self, body: str, *args: str) -> None:
        """Call a script that is there already."""
        with suppress(redis.exceptions.NoPermissionError):  # then the test has loaded it
            await self.redis.script_load(f"#!lua\n{body}")
        sha = await self.writer.store.redis.script_load(f"#!lua\n{body}")
        await self.redis.evalsha(sha, 0, *args)

    def runner(self) -> JobRunner:
        return JobRunner(
            redis=self.redis, keys=self.keys, sources=(), upstreams=None,  # type: ignore[arg-type]
            leases=self.leases, due=self.due, delivery=Publisher(self.redis, self.keys),
            status=StatusBoard(),
        )  # fmt: skip


Action = Callable[[World], Awaitable[object]]
ACTIONS: dict[str, Action] = {}


def action(name: str) -> Callable[[Action], Action]:
    def note(function: Action) -> Action:
        ACTIONS[name] = function
        return function

    return note


def simple(**actions: Action) -> None:
    ACTIONS.update({name.replace("_", " "): act for name, act in actions.items()})


CAT: Final = "solana:Token00001"
simple(
    connect=lambda w: w.redis.ping(),
    ask_who_is_primary=lambda w: w.redis.role(),
    choose_a_database=lambda w: w.redis.select(0),
    publish_readings=lambda w: Publisher(w.redis, w.keys).deliver("s", [reading("A", price=1.0)]),
    take_a_call_of_the_budget=lambda w: Budget(w.redis, w.keys).take("h", "c", 60),
    ask_everyone_to_hold=lambda w: Budget(w.redis, w.keys).hold("h", 1),
    offer_tokens=lambda w: w.due.offer({"solana:A": {"s": 0}}, ["s"]),
    forget_the_oldest_tokens=lambda w: w.due.offer({f"solana:{n}": {"s": 0} for n in "AB"}, ["s"]),
    drop_the_tokens_nobody_names=lambda w: w.due.take_due("s", again_s=1, limit=5),
    take_named_tokens=lambda w: w.due.take_of("s", ["solana:A"], again_s=1, limit=5),
    read_what_is_hot=lambda w: w.runner()._hot(5),
    read_who_gives_a_price=lambda w: w.redis.hget(w.keys.token(CAT), "price_source"),
    renew_the_lease=lambda w: w.store.renew("test-writer"),
    hand_candles_to_the_recorder=lambda w: hand_over(w.redis, w.keys, CANDLES),
    give_the_lease_back=lambda w: w.store.release("test-writer"),
    begin_an_epoch=lambda w: w.me.begin("e2"),
    send_a_heartbeat=lambda w: w.me.heartbeat(),
    note_how_far_the_channel_is_read=lambda w: w.store.taken(w.me._fence, None, 1),
    read_the_stored_readings=lambda w: w.store.readings([CAT]),
    read_what_alerts_are_judged_by=lambda w: w.store.alert_bases([CAT]),
    know_the_server=lambda w: w.store.run_id(),
    follow_the_state=lambda w: w.listen(w.keys.state_changes),
    report_that_the_state_went_back=lambda w: w.store.report_reverted("e0"),
    hear_readings=lambda w: w.listen(w.keys.raw_tokens, w.keys.state_changes),
    answer_a_page=lambda w: w.store.page("volume_24h", 0, 5, descending=True),
    answer_a_token=lambda w: TokenEndpoint(w.redis, w.keys, MergeRules())._read(CAT),
    answer_health=lambda w: Health(w.redis, w.keys, None, demo=False)._read(),  # type: ignore[arg-type]
    count_a_post=lambda w: w.receipts.admit("p"),
    note_a_batch=lambda w: w.receipts.take("p", "b", b"x", 1),
    note_an_answer=lambda w: w.receipts.answered("p", "b", 202, b"x"),
    accept_a_batch=lambda w: w.store.accept(b"x"),
    share_the_secret_of_cursors=lambda w: w.views._shared_secret(),
    publish_watched=lambda w: publish_watched(w.redis, w.keys, [CAT], now_ms=1),
    read_the_alerts_of_the_past=lambda w: read_history(w.redis, w.keys),
    have_a_snapshot_written=lambda w: w.redis.bgsave(schedule=True),
    look_at_a_pinned_order=lambda w: w.redis.get(w.keys.view("one")),
    forge_a_diff=lambda w: w.redis.publish(w.keys.state_changes, b"x"),
    forge_readings=lambda w: w.redis.publish(w.keys.raw_tokens, b"x"),
    listen_in_on_readings=lambda w: w.listen(w.keys.raw_tokens),
    steal_the_lease=lambda w: w.redis.set(w.keys.lease, "me"),
    end_the_lease=lambda w: w.redis.delete(w.keys.lease),
    change_a_row=lambda w: w.redis.hset(w.keys.token(CAT), "price", "9"),
    change_an_index=lambda w: w.redis.zadd(w.keys.index("volume_24h"), {CAT: 1}),
    change_the_log=lambda w: w.redis.xadd(w.keys.log, {"m": b"x"}, id="99-0"),
    change_how_far_the_channel_is_read=lambda w: w.redis.hset(w.keys.raw_taken, "at", 1),
    change_what_is_watched=lambda w: w.redis.zadd(w.keys.watched, {CAT: 1}),
    change_the_calls_that_are_left=lambda w: w.redis.set(w.keys.fetch_bucket("h", "c"), 1),
    change_the_outcome_of_a_batch=lambda w: w.redis.hset(w.keys.ingest_seen("p", "b"), "body", 1),
    read_the_outcome_of_a_batch=lambda w: w.redis.hgetall(w.keys.ingest_seen("p", "b")),
    read_the_secret_of_cursors=lambda w: w.redis.get(w.keys.cursor_secret),
    change_the_secret_of_cursors=lambda w: w.redis.set(w.keys.cursor_secret, "mine"),
    read_a_key_of_another_prefix=lambda w: w.redis.hgetall("tXest{1}:token:a"),
    write_a_key_of_another_prefix=lambda w: w.redis.hset("tXest{1}:token:a", "price", "1"),
    run_a_script_of_ones_own=lambda w: w.redis.eval("return 1", 0),
    forget_all_scripts=lambda w: w.redis.script_flush(),
    delete_everything=lambda w: w.redis.flushall(),
    list_all_keys=lambda w: w.redis.keys("*"),
    read_the_configuration=lambda w: w.redis.config_get("requirepass"),
    change_the_configuration=lambda w: w.redis.config_set("maxmemory", 1),
    read_the_users=lambda w: w.redis.acl_list(),
    change_the_users=lambda w: w.redis.acl_setuser("default", enabled=True, nopass=True),
    see_who_is_connected=lambda w: w.redis.client_list(),
    disconnect_somebody=lambda w: w.redis.client_kill_filter(_type="pubsub"),
    watch_all_commands=lambda w: w.redis.execute_command("MONITOR"),
    make_it_a_replica=lambda w: w.redis.replicaof("127.0.0.1", 1),
    stop_the_server=lambda w: w.redis.execute_command("SHUTDOWN", "NOSAVE"),
    take_a_dump=lambda w: w.redis.dump(w.keys.token(CAT)),
    move_a_key=lambda w: w.redis.rename(w.keys.token(CAT), w.keys.token("x")),
)


@action("ask who owns which slot")
async def ask_slots(world: World) -> None:
    try:
        await world.redis.execute_command("CLUSTER SLOTS")
    except redis.exceptions.ResponseError as error:
        if "cluster support disabled" not in str(error):
            raise


@action("take a job, renew and finish it")
async def take_a_job(world: World) -> None:
    async def work() -> None:
        await asyncio.sleep(0.55)  # a quarter of the shortest lease: it is renewed once

    await world.leases.run(world.keys.fetch_job("s", "j"), 0.6, work)


@action("give a job back")
async def give_a_job_back(world: World) -> None:
    key = world.keys.fetch_job("s", "k")
    await world.writer.store.redis.set(key, "other")  # and a job of somebody's that never ends
    await world.leases.run(key, 1, lambda: asyncio.sleep(0))
    await world.leases.run(world.keys.fetch_job("s", "l"), 0, lambda: asyncio.sleep(0))


@action("take the tokens that are due")
async def take_due(world: World) -> None:
    root = world.writer.store.redis
    seconds, _ = await root.time()
    await root.zadd(world.keys.fetch_due("s"), {"solana:A": 1})
    await root.zadd(world.keys.fetch_known, {"solana:A": seconds * 1000})
    await world.due.take_due("s", again_s=1, limit=5)


@action("write a source's status")
async def write_status(world: World) -> None:
    board = StatusBoard()
    board["jupiter"].succeeded(1, tokens=1, refused={})
    await board.write(world.redis, world.keys)


@action("take the lease")
async def take_the_lease(world: World) -> None:
    await world.writer.store.redis.delete(world.keys.lease)
    await world.store.acquire("me")


@action("commit")
async def commit(world: World) -> None:
    await world.me.commit([row(1, volume_24h=5.0)], readings={CAT: {"jupiter": b"{}"}})
    await world.me.commit([{"id": CAT, "volume_24h": None}], remove=["solana:Token00002"])


@action("load the state")
async def load_the_state(world: World) -> None:
    assert await load(world.store, Replica(), await world.store.meta())


@action("pin an order")
async def pin(world: World) -> None:
    from services.api.discover.pinned_orders import _PIN  # noqa: PLC0415 - the script alone: the rest reads memory

    for name in ("one", "two"):  # the second makes the first go
        keys = [world.keys.views, world.keys.view(name)]
        await _PIN(world.redis, keys, [name, b"x", 60_000, 1, 0, world.keys.view("")])


@action("walk an order")
async def walk(world: World) -> None:
    from services.api.discover.pinned_orders import _HEAD  # noqa: PLC0415

    name = bytes(16)
    await world.writer.store.redis.set(world.keys.view(name.hex()), bytes(_HEAD.size + 8))
    await world.views.read(name, 0, 1)


@action("serve an image")
async def serve_an_image(world: World) -> None:
    await world.redis.hget(world.keys.token(CAT), "image")
    await world.redis.exists(world.keys.token(CAT))


@action("take candles that were handed over")
async def take_candles(world: World) -> None:
    await world.redis.xrange(world.keys.history_backfill, count=1)
    await world.redis.xdel(world.keys.history_backfill, "1-0")


@action("read which sources are down")
async def read_which_sources_are_down(world: World) -> None:
    await world.redis.hgetall(world.keys.fetch_status("jupiter"))


@action("read what is watched")
async def read_what_is_watched(world: World) -> None:
    await world.redis.zrevrange(world.keys.watched, 0, 9)


@action("audit the store")
async def audit_the_store(world: World) -> None:
    report = await audit(world.store)
    assert not report.wrong, report


@action("ask what the doctor asks")
async def ask_as_the_doctor(world: World) -> None:
    await world.redis.time()
    await world.redis.xrevrange(world.keys.log, count=1)
    await world.redis.pttl(world.keys.lease)
    await world.redis.hgetall(world.keys.fetch_status("jupiter"))


@action("forge a diff in a script")
async def forge_in_a_script(world: World) -> None:
    await world.script("return redis.call('PUBLISH', ARGV[1], 'x')", world.keys.state_changes)


@action("change a row in a script")
async def change_in_a_script(world: World) -> None:
    await world.script("return redis.call('HSET', ARGV[1], 'price', '9')", world.keys.token(CAT))


@action("listen to everything")
async def listen_to_everything(world: World) -> None:
    async with world.redis.pubsub() as pubsub:
        await pubsub.psubscribe("*")
        await pubsub.get_message(timeout=1)


@action("listen to another's channel")
async def listen_elsewhere(world: World) -> None:
    await world.listen("tXest{1}:state_changes")


def expected(table: str) -> dict[str, dict[str, bool]]:
    """Return what a table says: action → user → allowed."""
    found = {}
    for line in table.strip().splitlines():
        words, marks = line.split()[: -len(USERS)], line.split()[-len(USERS) :]
        found[" ".join(words).replace("one's", "ones")] = dict(
            zip(USERS, (mark == "x" for mark in marks), strict=True)
        )
    return found


class Court:
    """Lets users try things on a guarded server, each time on the same state."""

    def __init__(self, guarded: Guarded) -> None:
        self.guarded, self.keys = guarded, Keys(guarded.prefix)
        self.root: Any = open_redis(guarded.server.url)
        self._clients: dict[str, Any] = {}

    async def world(self, user: str) -> World:
        await self.root.flushall()
        writer = Writer(self.root, self.keys)
        await writer.begin()
        await writer.commit([row(n, price_source="jupiter") for n in range(5)])
        if user not in self._clients:
            address = RedisAddress(url=self.guarded.url(user), password=password(user))
            self._clients[user] = open_redis(address)
        return World(self._clients[user], self.keys, writer)

    async def aclose(self) -> None:
        for client in (self.root, *self._clients.values()):
            await client.aclose()

    async def tries(self, user: str, name: str) -> tuple[bool, set[str]]:
        """Return whether it was allowed, and the commands that it took."""
        world = await self.world(user)
        await self.root.config_resetstat()
        failure = ""
        try:
            await ACTIONS[name](world)
        except Exception as error:  # noqa: BLE001 - judged below, by the server's own log
            failure = f"{type(error).__name__}: {error}"
        ran = await self.root.info("commandstats")
        refused = self.guarded.refused()
        assert all(who == user for who, _ in refused), refused
        assert bool(failure) == bool(refused), f"{user}, {name}: {failure}, {refused}"
        return not refused, {command.removeprefix("cmdstat_") for command in ran}


@pytest.fixture
async def court(guarded: Guarded) -> AsyncIterator[Court]:
    it = Court(guarded)
    yield it
    await it.aclose()


@pytest.mark.parametrize("user", USERS)
async def test_each_user_may_do_what_its_service_does_and_nothing_else(
    court: Court, user: str
) -> None:
    cells = expected(SERVICES) | expected(ATTACKS)

    seen = {name: (await court.tries(user, name))[0] for name in cells}

    assert seen == {name: marks[user] for name, marks in cells.items()}


def test_every_action_is_in_the_tables() -> None:
    assert set(expected(SERVICES) | expected(ATTACKS)) == set(ACTIONS)


@pytest.mark.parametrize("user", USERS)
async def test_no_user_has_a_command_that_its_service_never_sends(court: Court, user: str) -> None:
    taken: set[str] = set()
    for name, marks in expected(SERVICES).items():
        if marks[user]:
            taken |= (await court.tries(user, name))[1]
    granted = next(each for each in redis_users() if each.name == user)

    assert set(granted.commands) - taken == set()


async def test_nobody_comes_in_without_a_name(guarded: Guarded) -> None:
    for url in (f"unix://{guarded.socket}", f"unix://default:x@{guarded.socket}"):
        client: Any = open_redis(url)
        with pytest.raises(redis.exceptions.ConnectionError, match=r"authenticated|invalid user"):
            await client.ping()
        await client.aclose()
