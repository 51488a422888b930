"""What the environment sets in the fetcher, and its errors for nonsense."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from dexwire.server.settings_table import settings_table
from services.fetcher.configured import configured, read_sources
from services.fetcher.settings import FetcherSettings
from services.fetcher.source import Discovery, Refresh, Source, find_sources
from services.fetcher.sources.dexscreener import DexScreenerSettings
from services.fetcher.sources.geckoterminal import GeckoTerminalSettings
from services.fetcher.sources.jupiter import JupiterSettings
from shared.errors import ConfigError
from shared.process.settings import read_settings


def sources(factor: float = 1) -> dict[str, Source]:
    return {source.name: source for source in read_sources(factor)[0]}


def test_every_file_in_the_folder_is_a_source() -> None:
    assert [spec.name for spec in find_sources()] == ["dexscreener", "geckoterminal", "jupiter"]


def test_rates_are_80_percent_of_the_published_ones() -> None:
    assert {name: dict(source.rates) for name, source in sources().items()} == {
        "dexscreener": {"lists": 0.8 * 60, "pairs": 0.8 * 300},
        "jupiter": {"default": 0.8 * 30},
        "geckoterminal": {"default": 0.8 * 30},
    }


@pytest.mark.parametrize("name", ["dexscreener", "jupiter", "geckoterminal"])
def test_what_the_lists_and_the_hot_ask_leaves_room_in_the_budget(name: str) -> None:
    source = sources()[name]
    a_minute = dict.fromkeys(source.rates, 0.0)
    for job in source.jobs:
        if isinstance(job, Discovery):
            for call in job.calls:
                a_minute[call.rate_class] += 60 / job.interval_s
        elif job.pick == "hot":
            calls = -(-job.top // job.batch)
            a_minute[job.call("solana", ["x"]).rate_class] += (
                calls * 60 / max(job.interval_s, job.again_s)
            )

    assert all(a_minute[each] <= 0.75 * rate for each, rate in source.rates.items())


def test_all_pools_of_a_hot_token_are_seen_before_they_are_stale() -> None:
    (pools,) = [job for job in sources()["dexscreener"].jobs if job.name == "pools"]

    assert isinstance(pools, Refresh)
    assert pools.again_s <= 480
    assert pools.top * pools.interval_s / (pools.batch * pools.calls_per_cycle) <= 480


def test_a_factor_raises_rates_and_shortens_intervals() -> None:
    slow, fast = sources()["dexscreener"], sources(20)["dexscreener"]

    assert fast.rates == {"lists": 960, "pairs": 4800}
    assert [job.interval_s for job in fast.jobs] == [
        max(0.05, job.interval_s / 20) for job in slow.jobs
    ]


def test_each_source_has_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEXSCREENER_URL", "http://127.0.0.1:8010/dexscreener/")
    monkeypatch.setenv("DISCOVER_QUERIES", "sol, pepe coin,")
    monkeypatch.setenv("DEXSCREENER_SEARCH_INTERVAL_S", "7.5")
    monkeypatch.setenv("JUPITER_API_KEY", "secret")
    monkeypatch.setenv("JUPITER_CALLS_PER_MINUTE", "48")
    monkeypatch.setenv("GECKOTERMINAL_NETWORKS", "eth,avalanche")

    found = sources()
    dexscreener, jupiter, gecko = (
        found["dexscreener"], found["jupiter"], found["geckoterminal"],
    )  # fmt: skip
    (search,) = [job for job in dexscreener.jobs if job.name == "search"]
    (trending,) = [job for job in gecko.jobs if job.name == "trending"]

    assert dexscreener.url == "http://127.0.0.1:8010/dexscreener"
    assert dexscreener.host == "127.0.0.1:8010/dexscreener"
    assert isinstance(search, Discovery)
    assert [call.query for call in search.calls] == [(("q", "sol"),), (("q", "pepe coin"),)]
    assert search.interval_s == 7.5
    assert (jupiter.headers, jupiter.rates) == ({"x-api-key": "secret"}, {"default": 48})
    assert isinstance(trending, Discovery)
    assert [call.path for call in trending.calls] == [
        "/networks/eth/trending_pools",
        "/networks/avax/trending_pools",
    ]
    assert (gecko.refreshes("ethereum"), gecko.refreshes("solana")) == (True, False)


@pytest.mark.parametrize(
    ("networks", "polled", "warnings"),
    [
        ("cronos", ["cro"], ()),
        ("cro,cronos, CRO", ["cro"], ()),
        ("xdai,starknet,one", ["xdai", "starknet-alpha", "one"], ()),
        (
            "etherium,solana",
            ["etherium", "solana"],
            ("GECKOTERMINAL_NETWORKS: etherium is in no table of chains; did you mean ethereum?",),
        ),
        (
            "zzz-9",
            ["zzz-9"],
            ("GECKOTERMINAL_NETWORKS: zzz-9 is in no table of chains",),
        ),
    ],
)
def test_networks_are_requested_under_the_sources_names_and_unknown_ones_named(
    monkeypatch: pytest.MonkeyPatch, networks: str, polled: list[str], warnings: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GECKOTERMINAL_NETWORKS", networks)

    gecko = sources()["geckoterminal"]
    (trending,) = [job for job in gecko.jobs if job.name == "trending"]

    assert isinstance(trending, Discovery)
    assert [call.path.split("/")[2] for call in trending.calls] == polled
    assert gecko.warnings == warnings


def test_a_source_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPITER_ENABLED", "false")

    on, off = read_sources(1)

    assert ([source.name for source in on], off) == (["dexscreener", "geckoterminal"], ["jupiter"])


def test_a_replayed_market_is_requested_in_the_place_of_all_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUPITER_URL", "https://api.jup.ag")

    on, off = read_sources(1, "http://127.0.0.1:8010")

    assert off == []
    assert {source.name: source.url for source in on} == {
        "dexscreener": "http://127.0.0.1:8010/dexscreener",
        "geckoterminal": "http://127.0.0.1:8010/geckoterminal/api/v2",
        "jupiter": "http://127.0.0.1:8010/jupiter",
    }


def test_a_source_that_nothing_stands_in_for_is_off_in_a_demo() -> None:
    jupiter = next(spec for spec in find_sources() if spec.name == "jupiter")
    alone = replace(jupiter, declaration=structs.replace(jupiter.declaration, replayed=False))

    assert configured(alone, "http://127.0.0.1:8010") is None
    assert configured(alone) is not None


def test_no_other_class_reads_a_variable_of_a_source() -> None:
    own = {spec.settings for spec in find_sources()}

    shared = [s.variable for s in settings_table() if len(s.classes) > 1 and own & {*s.classes}]
    assert shared == []


def test_settings_without_the_name_of_their_source_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(JupiterSettings.model_config, "env_prefix", "JUP_")

    with pytest.raises(ConfigError, match=r"sources/jupiter\.py: .*env_prefix=\"JUPITER_\""):
        find_sources()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEXSCREENER_URL", "ftp://x"),
        ("DEXSCREENER_URL", "https://"),
        ("DEXSCREENER_URL", "https://x:99999"),
        ("DEXSCREENER_PAIRS_PER_MINUTE", "0"),
        ("DEXSCREENER_LISTS_INTERVAL_S", "-1"),
        ("DEXSCREENER_POOLS_AGAIN_S", "600"),
        ("JUPITER_ENABLED", "perhaps"),
        ("JUPITER_LISTS_WINDOW", "7d"),
        ("GECKOTERMINAL_CALLS_PER_MINUTE", "many"),
        ("GECKOTERMINAL_NETWORKS", "solana,a b"),
        ("FETCH_CONCURRENCY", "0"),
        ("FETCH_RATE_FACTOR", "nan"),
        ("FETCHER_DELIVERY", "post"),
        ("FETCHER_API_URL", "api:8000"),
        ("FETCHER_API_KEY", "fetcher.short"),
        ("FETCHER_API_KEY", f"fetcher:owner.{'s' * 32}"),
        ("FETCHER_API_KEY", f"fetcher:polled.sha256:{'0' * 64}"),
    ],
)
def test_a_wrong_setting_is_reported_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError, match=f"^{variable}: "):
        read_sources(read_settings(FetcherSettings).fetch_rate_factor)


def test_posting_needs_a_key_which_is_presented_without_its_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FETCHER_DELIVERY", "ingest")
    with pytest.raises(ConfigError, match=r"^FETCHER_API_KEY: .* needs a key, <id>:polled"):
        read_settings(FetcherSettings)

    (tmp_path / "key").write_text(f"fetcher:polled.{'s' * 32}\n", encoding="utf-8")
    monkeypatch.setenv("FETCHER_API_KEY_FILE", str(tmp_path / "key"))
    assert read_settings(FetcherSettings).bearer == f"fetcher.{'s' * 32}"

    monkeypatch.delenv("FETCHER_API_KEY_FILE")
    monkeypatch.setenv("FETCHER_API_KEY", f"bot.{'s' * 32}")
    assert read_settings(FetcherSettings).bearer == f"bot.{'s' * 32}"


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPITER_API_KEY", "hush")
    monkeypatch.setenv("JUPITER_URL", "nonsense")

    with pytest.raises(ConfigError) as raised:
        read_settings(JupiterSettings)

    assert "hush" not in str(raised.value)
    assert "hush" not in repr(JupiterSettings(url="https://x"))


def test_defaults_are_the_public_hosts() -> None:
    assert DexScreenerSettings().url == "https://api.dexscreener.com"
    assert JupiterSettings().url == "https://api.jup.ag"
    assert GeckoTerminalSettings().url == "https://api.geckoterminal.com/api/v2"
    assert FetcherSettings().fetch_concurrency == 5
