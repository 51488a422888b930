"""The audit finds each kind of damage, and nothing wrong in a healthy store that moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from dexwire.conformance.check import Check
from dexwire.runfile import RunFile, Running
from dexwire.server.verify import Report, audit, verify
from shared.errors import ConfigError
from shared.keys import Keys
from shared.process.settings import ServiceSettings
from shared.redis.connect import Redis
from shared.state.messages import Commit, encode
from shared.state.store import Store
from tests.testkit.commits import Writer
from tests.testkit.process import Process, free_port

CAT, DOG, OWL = "solana:cat", "base:0xd06", "bsc:owl"


def token_row(token_id: str, volume: float) -> dict[str, object]:
    chain, _, address = token_id.partition(":")
    return {
        "id": token_id,
        "token_address": address,
        "chain": chain,
        "price": 1.5,
        "liquidity": 2000.0,
        "volume_24h": volume,
        "created_ms": 1_790_000_000_000,
    }


@pytest.fixture
async def writer(redis: Redis, keys: Keys) -> Writer:
    """A store at version 3: two tokens, and one that was removed."""
    writer = Writer(redis, keys)
    await writer.begin()
    await writer.commit([token_row(CAT, 10.0), token_row(OWL, 30.0)])
    await writer.commit([token_row(DOG, 20.0)])
    await writer.commit(remove=[OWL])
    return writer


def failed(report: Report) -> dict[str, list[str]]:
    return {check.name: check.examples for check in report.checks if check.wrong}


def check(report: Report, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


async def test_a_healthy_store_is_clean_and_says_how_much_was_looked_at(
    writer: Writer,
) -> None:
    report = await audit(writer.store)

    assert failed(report) == {}
    assert (report.epoch, report.version, report.tokens) == ("e1", 3, 2)
    assert {check.name: check.looked_at for check in report.checks} == {
        "rows are whole": 2,
        "index members have a row with that score": 6,
        "rows are in their indices": 2,
        "row versions are not ahead": 2,
        "removed tokens are gone": 1,
        "logged versions are contiguous": 3,
        "the number of tokens is right": 1,
        "the digest is right": 1,
    }


async def test_an_empty_store_is_not_called_clean(redis: Redis, keys: Keys) -> None:
    report = await audit(Store(redis, keys))

    assert failed(report) == {
        "there is a state": [f"nothing was ever committed under the prefix {keys.prefix!r}"]
    }


async def test_it_finds_an_index_member_without_a_row(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.zadd(keys.index("liquidity"), {"solana:ghost": 5})

    assert failed(await audit(writer.store)) == {
        "index members have a row with that score": [
            "index:liquidity has solana:ghost, which has no row"
        ]
    }


async def test_it_finds_a_score_that_differs_from_the_row(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.zadd(keys.index("volume_24h"), {CAT: 10.000001})

    assert failed(await audit(writer.store)) == {
        "index members have a row with that score": [
            "index:volume_24h has solana:cat at 10.000001, its row says 10.0"
        ]
    }


async def test_it_finds_an_index_member_whose_row_lacks_the_field(
    writer: Writer, keys: Keys
) -> None:
    await writer.store.redis.zadd(keys.index("market_cap"), {CAT: 1})

    assert failed(await audit(writer.store)) == {
        "index members have a row with that score": [
            "index:market_cap has solana:cat, whose row has no market_cap"
        ]
    }


async def test_it_finds_a_row_that_is_missing_from_an_index(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.zrem(keys.index("created"), DOG)

    assert failed(await audit(writer.store)) == {
        "rows are in their indices": ["base:0xd06 has created_ms and is not in index:created"]
    }


async def test_it_finds_a_field_that_no_commit_wrote(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.hset(keys.token(CAT), "price", "9.5")

    assert list(failed(await audit(writer.store))) == ["the digest is right"]


async def test_it_finds_a_value_that_is_no_json(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.hset(keys.token(CAT), "token_name", "Cat")

    found = failed(await audit(writer.store))

    assert found["rows are whole"] == ["solana:cat has a token_name that is no JSON value"]


async def test_it_finds_a_row_that_claims_to_be_another(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.hset(keys.token(CAT), "id", '"solana:dog"')

    found = failed(await audit(writer.store))

    assert found["rows are whole"] == ["solana:cat says that its id is b'\"solana:dog\"'"]


async def test_it_finds_a_lost_row(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.delete(keys.token(DOG))

    found = failed(await audit(writer.store))

    assert found["the number of tokens is right"] == ["the store says 2, there are 1"]
    assert "the digest is right" in found
    assert check(await audit(writer.store), "index members have a row with that score").wrong == 3


async def test_it_finds_a_row_from_the_future(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.hset(keys.token(CAT), "rv", "4")

    found = failed(await audit(writer.store))

    assert found["row versions are not ahead"] == [
        "solana:cat has rv 4.0, the store is at version 3"
    ]


async def test_it_finds_a_hole_in_the_log(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.xdel(keys.log, "2-0")

    assert failed(await audit(writer.store)) == {
        "logged versions are contiguous": ["after version 1 comes 3"]
    }


async def test_it_finds_a_log_that_ends_early(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.xdel(keys.log, "3-0")

    assert failed(await audit(writer.store)) == {
        "logged versions are contiguous": ["the log ends at 2, the store is at version 3"]
    }


async def test_it_finds_an_entry_of_another_epoch(writer: Writer, keys: Keys) -> None:
    stray = encode(Commit(e="other", pv=3, v=4, ts=0, digest="0" * 16))
    await writer.store.redis.xadd(keys.log, {"m": stray}, id="4-0")

    assert failed(await audit(writer.store)) == {
        "logged versions are contiguous": [
            "entry 4-0 is of other 3 → 4",
            "the log ends at 4, the store is at version 3",
        ]
    }


async def test_it_finds_a_wrong_digest(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.hset(keys.meta, "digest", "00000000000000ff")

    found = failed(await audit(writer.store))

    assert list(found) == ["the digest is right"]
    assert found["the digest is right"][0].startswith("the store says 00000000000000ff, it is ")


async def test_it_finds_a_wrong_token_count(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.hset(keys.meta, "tokens", "7")

    assert failed(await audit(writer.store)) == {
        "the number of tokens is right": ["the store says 7, there are 2"]
    }


async def test_it_finds_a_removed_token_that_still_has_a_row(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.zadd(keys.gone, {CAT: 3})

    assert failed(await audit(writer.store)) == {
        "removed tokens are gone": ["solana:cat was removed at version 3 and has a row"]
    }


async def test_it_finds_a_key_of_another_type(writer: Writer, keys: Keys) -> None:
    await writer.store.redis.set(keys.index("volume_5m"), "x")

    found = failed(await audit(writer.store))

    assert "WRONGTYPE" in found["keys hold what they should"][0]


async def test_it_finds_nothing_wrong_while_a_writer_runs(writer: Writer) -> None:
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            version = writer.version + 1
            ids = [f"solana:t{(version * 7 + i) % 400}" for i in range(20)]
            held = writer.ledger.fields
            leaving = [] if len(held) <= 300 else [i for i in list(held)[:1] if i not in ids]
            await writer.commit([token_row(i, float(version)) for i in ids], leaving)
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    try:
        reports = [await audit(writer.store) for _ in range(5)]
    finally:
        done.set()
        await writing

    assert [failed(report) for report in reports] == [{}] * 5
    assert reports[-1].version > reports[0].version > 3


def settings(url: str, prefix: str = "") -> ServiceSettings:
    return ServiceSettings(redis_url=url, redis_prefix=prefix)


async def test_the_exit_code_distinguishes_clean_damaged_and_unreachable(
    writer: Writer, redis_url: str, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await verify(settings(redis_url, keys.prefix), None, as_json=False) == 0
    assert "\nclean\n" in capsys.readouterr().out

    await writer.store.redis.hset(keys.meta, "tokens", "7")
    assert await verify(settings(redis_url, keys.prefix), None, as_json=False) == 1
    assert "1 WRONG\n      the store says 7, there are 2\n" in capsys.readouterr().out

    nobody = f"redis://:secret@127.0.0.1:{free_port()}/0"
    assert await verify(settings(nobody), None, as_json=False) == 2
    printed = capsys.readouterr().err
    assert "does not answer" in printed
    assert "secret" not in printed


async def test_json_output_holds_every_check(
    writer: Writer, redis_url: str, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    assert writer.version == 3
    await verify(settings(redis_url, keys.prefix), None, as_json=True)

    report = msgspec.json.decode(capsys.readouterr().out)
    assert report["version"] == 3
    assert report["checks"][0] == {
        "name": "rows are whole",
        "looked_at": 2,
        "wrong": 0,
        "examples": [],
    }


async def test_without_a_url_it_audits_what_runs_in_this_folder(
    writer: Writer, redis_url: str, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    assert writer.version == 3
    run_file = RunFile.claim(Path(".dexwire"))
    assert run_file is not None
    run_file.write(
        Running(pid=1, redis_url=redis_url, redis_prefix=keys.prefix, api="", ws="", demo=True)
    )

    code = await verify(settings(""), None, as_json=False)
    run_file.close()

    printed = capsys.readouterr().out
    assert code == 0
    assert printed.startswith("DEMO: replayed market, not live data\n")
    assert keys.prefix in printed


async def test_with_neither_url_nor_a_running_one_the_error_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="REDIS_URL: not set, and no `dexwire up` runs"):
        await verify(settings(""), None, as_json=False)


def test_the_command_exits_2_when_nothing_answers(spawn_dexwire: Callable[..., Process]) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"

    process = spawn_dexwire("verify", "--redis-url", url)

    assert process.wait() == 2
    assert f"dexwire verify: Redis at {url} does not answer" in process.output()
