"""The source of docs/NEW_SOURCE.md reads the answer that is shown there."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from services.fetcher.source import Discovery, Refresh
from shared.model import PoolReading, Reading
from tests.testkit.blocks import blocks

T0 = 1_790_000_000_000
(PROGRAM,) = (block for block in blocks("python") if block.page == "docs/NEW_SOURCE.md")
(ANSWER,) = (block for block in blocks("json") if block.page == "docs/NEW_SOURCE.md")


@pytest.fixture
def pooldesk(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("services.fetcher.sources.pooldesk")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where pydantic looks up its types
    code = compile(PROGRAM.text, "pooldesk.py", "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 - it is a page of our own
    return module


def test_the_example_reads_the_answer_that_it_shows(pooldesk: ModuleType) -> None:
    # The file is not in its folder here, so its own names of chains are not known.
    body = ANSWER.text.replace("eth-main", "ethereum").encode()
    page = pooldesk.read_pools(body, T0)

    assert page.readings == (
        Reading(
            chain="ethereum",
            token_address="0x6982508145454ce325ddbe47a25d4ec3d2311933",
            observed_ms=T0,
            token_name="Pepe",
            token_ticker="PEPE",
            pools=(
                PoolReading(
                    pool_address="0xa43fe16908251ee70ef74718545e4fe6c5ccec9f",
                    protocol="uniswap",
                    created_ms=1_681_489_991_000,
                    price=0.0000112,
                    liquidity=21_500_000.5,
                    volume_1h=150_000,
                    volume_24h=4_200_000,
                    transactions_24h=9_900,
                    buys_24h=5_100,
                    sells_24h=4_800,
                ),
            ),
            moved_to=("uniswap",),
        ),
    )
    assert page.found == ("ethereum:0x6982508145454ce325ddbe47a25d4ec3d2311933",)


def test_the_example_requests_lists_and_known_tokens(pooldesk: ModuleType) -> None:
    lists, refresh = pooldesk.SOURCE.build(pooldesk.PoolDeskSettings()).jobs

    assert isinstance(lists, Discovery)
    assert isinstance(refresh, Refresh)
    assert refresh.chains == frozenset({"ethereum", "bsc"})
