"""What the store reads by plain commands, on fakeredis: the scripts are tested on a real server."""

import pytest
from fakeredis import FakeAsyncRedis
from redis.exceptions import ResponseError

from shared.keys import Keys
from shared.state.store import Store

KEYS = Keys("")


@pytest.fixture
def fake() -> FakeAsyncRedis:
    return FakeAsyncRedis()


@pytest.fixture
def store(fake: FakeAsyncRedis) -> Store:
    return Store(fake, KEYS)


async def test_an_empty_store_has_no_rows_and_no_epoch(store: Store) -> None:
    meta = await store.meta()

    assert (meta.epoch, meta.version) == ("", 0)
    assert await store.token_ids() == []
    assert await store.gone() == {}


async def test_rows_that_are_not_there_are_left_out(fake: FakeAsyncRedis, store: Store) -> None:
    await fake.hset(KEYS.token("base:0xa"), mapping={"price": "1.5"})

    found = await store.rows(["base:0xa", "base:0xb"])
    assert found == {"base:0xa": {"price": b"1.5"}}


async def test_ids_of_a_prefix_with_glob_characters_are_its_own(fake: FakeAsyncRedis) -> None:
    store = Store(fake, Keys("a*[b]:"))
    await fake.hset(store.keys.token("base:0xa"), "price", "1")
    await fake.hset(Keys("ax[b]:").token("base:0xb"), "price", "1")

    assert await store.token_ids() == ["base:0xa"]


async def test_removals_are_read_with_their_versions(fake: FakeAsyncRedis, store: Store) -> None:
    await fake.zadd(KEYS.gone, {"base:0xa": 7, "base:0xb": 9})

    assert await store.gone() == {"base:0xa": 7, "base:0xb": 9}


@pytest.mark.parametrize(
    ("after", "upto", "messages"),
    [
        (1, 3, [b"two", b"three"]),
        (1, None, [b"two", b"three"]),
        (3, None, []),
        (0, 3, None),  # version 1 has left the log
        (2, 4, None),  # version 4 is not there yet
    ],
)
async def test_the_log_is_whole_or_none(
    fake: FakeAsyncRedis,
    store: Store,
    after: int,
    upto: int | None,
    messages: list[bytes] | None,
) -> None:
    await fake.xadd(KEYS.log, {"m": "two"}, id="2-0")
    await fake.xadd(KEYS.log, {"m": "three"}, id="3-0")

    assert await store.log(after, upto) == messages


async def test_a_key_of_another_type_is_an_error(fake: FakeAsyncRedis, store: Store) -> None:
    await fake.set(KEYS.meta, "in the way")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await store.meta()
