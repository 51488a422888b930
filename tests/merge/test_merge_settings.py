"""Both the aggregator and the api get the merge rules from the same variables."""

import pytest

from services.aggregator.settings import AggregatorSettings
from services.api.settings import ApiSettings
from shared.errors import ConfigError
from shared.merge.policy import MergeRules
from shared.process.settings import read_settings


def test_without_a_word_the_rules_are_the_defaults() -> None:
    assert read_settings(AggregatorSettings).merge_rules() == MergeRules()
    assert read_settings(ApiSettings).merge_rules() == MergeRules()


def test_the_environment_sets_every_rule_of_both_services_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "MIN_POOL_LIQUIDITY": "250",
        "BACKING_PER_VOLUME": "50",
        "BACKING_PER_TRADE": "5000",
        "LIQUIDITY_PER_BACKING": "10",
        "PRICE_DISAGREE_PCT": "30",
        "PRICE_STALE_S": "60",
        "SUMS_STALE_S": "300",
        "DEAD_AFTER_S": "3600",
        "PRICE_RULE": "weighted",
        "PRICE_OUTLIER_PCT": "5",
        "PRICE_ORDER": "jupiter, pools ,ingest:desk",
        "NAME_ORDER": "dexscreener,ingest",
        "POOL_SOURCES": "geckoterminal",
    }.items():
        monkeypatch.setenv(name, value)
    expected = MergeRules(
        min_pool_liquidity=250.0,
        backing_per_volume=50.0,
        backing_per_trade=5000.0,
        liquidity_per_backing=10.0,
        disagree_pct=30.0,
        price_stale_ms=60_000,
        sums_stale_ms=300_000,
        dead_after_ms=3_600_000,
        price_rule="weighted",
        outlier_pct=5.0,
        price_order=("jupiter", "pools", "ingest:desk"),
        name_order=("dexscreener", "ingest"),
        pool_sources=("geckoterminal",),
    )
    assert read_settings(AggregatorSettings).merge_rules() == expected
    assert read_settings(ApiSettings).merge_rules() == expected


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("PRICE_ORDER", "pools,jupitr", "'jupitr' is none of pools, thin, ingest"),
        ("PRICE_ORDER", "pools,pools", "twice"),
        ("PRICE_ORDER", "", "is empty"),
        ("NAME_ORDER", "pools", "'pools' is none of ingest, dexscreener"),
        ("NAME_ORDER", "ingest:NOT A NAME", "is none of"),
        ("POOL_SOURCES", "thin", "'thin' is none of dexscreener"),
        ("PRICE_RULE", "mean", "ranked"),
        ("PRICE_OUTLIER_PCT", "0", "greater than 0"),
        ("MIN_POOL_LIQUIDITY", "-1", "greater than or equal to 0"),
        ("PRICE_STALE_S", "abc", "integer"),
        ("SUMS_STALE_S", "0", "greater than or equal to 1"),
        ("DEAD_AFTER_S", "600", "must be more than SUMS_STALE_S, 600"),
    ],
)
def test_a_bad_value_stops_the_start_and_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, rule: str
) -> None:
    monkeypatch.setenv(variable, value)
    for settings in (AggregatorSettings, ApiSettings):
        with pytest.raises(ConfigError) as caught:
            read_settings(settings)
        assert str(caught.value).startswith(f"{variable}: ")
        assert rule in str(caught.value)
