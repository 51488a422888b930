"""What an operator may say of alerts, and how a wrong word is answered."""

from __future__ import annotations

import pytest

from services.aggregator.alerts import AlertRules
from services.aggregator.settings import AggregatorSettings
from shared.errors import ConfigError
from shared.process.settings import read_settings


def test_the_defaults_of_settings_and_rules_are_the_same() -> None:
    assert read_settings(AggregatorSettings).alert_rules() == AlertRules()


def test_lists_are_given_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_PRICE_PCT", "3, 6,12.5,40")
    monkeypatch.setenv("ALERT_PRICE_WINDOWS", "1h")
    monkeypatch.setenv("ALERT_VOLUME_WINDOWS", "")

    rules = read_settings(AggregatorSettings).alert_rules()

    assert rules.price_levels == (3.0, 6.0, 12.5, 40.0)
    assert (rules.price_windows, rules.volume_windows) == (("1h",), ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALERT_PRICE_PCT", "5,10,20"),
        ("ALERT_PRICE_PCT", "5,10,10,20"),
        ("ALERT_PRICE_PCT", "0,10,20,50"),
        ("ALERT_PRICE_PCT", "5,10,twenty,50"),
        ("ALERT_PRICE_PCT", "5,10,20,nan"),
        ("ALERT_PRICE_PCT", "5,10,20,inf"),
        ("ALERT_PRICE_WINDOWS", "5m,6h"),
        ("ALERT_VOLUME_WINDOWS", "5m,5m"),
        ("ALERT_VOLUME_MIN", "-1"),
        ("ALERT_REARM_PCT", "0"),
        ("ALERT_REARM_PCT", "101"),
        ("ALERT_COOLDOWN_S", "-1"),
    ],
)
def test_a_wrong_value_is_reported_with_the_name_of_its_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=rf"(^|; ){name}[.:]"):
        read_settings(AggregatorSettings)
