"""Settings as people write them: empty, in any case, quoted, with a byte order mark."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from dexwire.server.config import Value, read_config
from dexwire.server.settings import UpSettings
from dexwire.server.settings_table import Setting, as_text, settings_table
from services.aggregator.settings import AggregatorSettings
from services.api.settings import ApiSettings
from services.fetcher.settings import FetcherSettings
from services.ws.settings import WsSettings
from shared.errors import ConfigError
from shared.process.environment import type_parts
from shared.process.settings import ServiceSettings, read_settings
from tests.testkit.process import ROOT

CASES = ROOT / "tests" / "cases"
NUMBERS = [one for one in settings_table() if {int, float} & {*type_parts(one.info.annotation)}]
BOOLEANS = [one for one in settings_table() if one.values == "true or false"]
CHOICES = [one for one in settings_table() if one.variable in {"LOG_LEVEL", "PRICE_RULE"}]


def value(name: str) -> Value:
    return next(one for one in read_config().settings if one.variable == name)


def set_case(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (CASES / name / "env.txt").read_text(encoding="utf-8").splitlines():
        variable, _, text = line.partition("=")
        monkeypatch.setenv(variable, text)


def read(setting: Setting) -> object:
    cls: type[BaseSettings] = setting.classes[0]
    return getattr(read_settings(cls), setting.field)


# -- the cases, as they were found -----------------------------------------------------------------
def test_case_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    set_case("h3-46-log-level-case", monkeypatch)

    assert read_settings(ServiceSettings).log_level == "WARNING"
    assert value("LOG_LEVEL").value == "WARNING"
    assert read_config().faults == []


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    set_case("h3-47-empty-variable", monkeypatch)

    assert read_config().faults == []
    assert (value("API_PORT").value, value("API_PORT").origin) == ("8000", "default")
    assert (value("LOG_LEVEL").value, value("LOG_LEVEL").origin) == ("INFO", "default")


def test_a_byte_order_mark_hides_no_line() -> None:
    Path(".env").write_bytes((CASES / "h3-48-dotenv-bom" / "dotenv.bin").read_bytes())

    assert (value("API_PORT").value, value("WS_PORT").value) == ("8123", "8124")


def test_an_origin_is_shown_without_its_default_port(monkeypatch: pytest.MonkeyPatch) -> None:
    set_case("h3-50-origin-default-port", monkeypatch)

    assert read_settings(WsSettings).ws_origins == ("http://shop.example",)
    assert value("WS_ORIGINS").value == "http://shop.example"


# -- their relatives -------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "  ", '""', "''"])
@pytest.mark.parametrize("setting", [*NUMBERS, *BOOLEANS, *CHOICES], ids=lambda one: one.variable)
def test_every_number_boolean_and_choice_may_be_empty(
    setting: Setting, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read(setting)
    monkeypatch.setenv(setting.variable, text)

    assert read(setting) == plain


@pytest.mark.parametrize(
    ("cls", "variable", "field", "unset"),
    [
        (UpSettings, "DATA_DIR", "data_dir", None),
        (UpSettings, "REPLAY_PORT", "replay_port", None),
        (FetcherSettings, "FETCH_PROXY", "fetch_proxy", None),
        (ApiSettings, "WS_PUBLIC_URL", "ws_public_url", ":8001/ws"),
        (ApiSettings, "CURSOR_SECRET", "cursor_secret", None),
        (ServiceSettings, "METRICS_HOST", "metrics_host", "127.0.0.1"),
        (AggregatorSettings, "ALERT_PRICE_PCT", "alert_price_pct", (5, 10, 20, 50)),
        # Empty is a value of these.
        (WsSettings, "WS_ORIGINS", "ws_origins", ()),
        (AggregatorSettings, "ALERT_PRICE_WINDOWS", "alert_price_windows", ()),
        (ServiceSettings, "REDIS_URL", "redis_url", ""),
    ],
)
def test_empty_is_unset_where_nothing_empty_can_be_meant(
    cls: type[BaseSettings],
    variable: str,
    field: str,
    unset: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, "")

    assert getattr(read_settings(cls), field) == unset


def test_an_empty_variable_leaves_the_line_of_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("WINDOW_MS=300\nLOG_LEVEL=debug\nMAX_TOKENS=\n", encoding="utf-8")
    monkeypatch.setenv("WINDOW_MS", "")

    assert (value("WINDOW_MS").value, value("WINDOW_MS").origin) == ("300", ".env")
    assert (value("LOG_LEVEL").value, value("LOG_LEVEL").origin) == ("DEBUG", ".env")
    assert value("MAX_TOKENS").origin == "default"


@pytest.mark.parametrize("text", ["WARN", "warn", " Warning ", '"warning"', "'WARN'"])
def test_a_level_is_read_as_people_write_it(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", text)

    assert read_settings(ServiceSettings).log_level == "WARNING"


def test_what_is_no_choice_is_still_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "loud")

    with pytest.raises(ConfigError, match=r"^LOG_LEVEL: .*'INFO'"):
        read_settings(ServiceSettings)


@pytest.mark.parametrize("text", ["On", "YES", "True", "1", " t ", '"yes"'])
@pytest.mark.parametrize("setting", BOOLEANS, ids=lambda one: one.variable)
def test_every_boolean_knows_the_usual_words(
    setting: Setting, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.variable, text)

    assert read(setting) is True


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda one: one.variable)
def test_every_number_may_stand_in_blanks_and_quotes(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = setting.default or "8123"
    monkeypatch.setenv(setting.variable, f' "{text}" ')

    assert as_text(read(setting)) == text


def test_lists_hosts_and_urls_may_stand_in_quotes_and_secrets_keep_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WS_ORIGINS", '"https://a.example, https://b.example"')
    monkeypatch.setenv("REDIS_URL", "'redis://h:1/0'")
    monkeypatch.setenv("WS_HOST", ' "::1"')
    monkeypatch.setenv("REDIS_PASSWORD", '"quoted" ')

    settings = read_settings(WsSettings)

    assert settings.ws_origins == ("https://a.example", "https://b.example")
    assert settings.redis_url == "redis://h:1/0"
    assert settings.ws_host == "::1"
    assert settings.redis.password == '"quoted" '


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("http://shop.example:80", "http://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("https://shop.example:080", "https://shop.example:80"),
        ("HTTPS://Shop.Example", "https://shop.example"),
        ("https://shop.example:", "https://shop.example"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"),
        ("http://[2001:DB8::A]", "http://[2001:db8::a]"),
    ],
)
def test_an_origin_is_read_as_browsers_send_it(
    written: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WS_ORIGINS", written)
    monkeypatch.setenv("API_ORIGINS", written)

    assert read_settings(WsSettings).ws_origins == (sent,)
    assert read_settings(ApiSettings).api_origins == (sent,)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("https://shop.example/", "with nothing after the host and the port"),
        ("https://shop.example?x", "with nothing after the host and the port"),
        ("https://me@shop.example", "must be exact origins"),
        ("https://büro.example", "international name as xn--"),
        ("https://shop.example:99999", "Port out of range"),
        ("https://[::1", "Invalid IPv6 URL"),
        ("https://:443", "must be exact origins"),
        ("wss://shop.example", "must be exact origins"),
    ],
)
def test_what_is_no_origin_is_refused_by_name(
    written: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WS_ORIGINS", written)

    with pytest.raises(ConfigError, match=f"^WS_ORIGINS: .*{complaint}"):
        read_settings(WsSettings)


def test_a_number_is_shown_with_all_of_its_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_RATE", "12345.678")
    monkeypatch.setenv("ALERT_VOLUME_MIN", "1234567.5")

    assert value("API_RATE").value == "12345.678"
    assert value("ALERT_VOLUME_MIN").value == "1234567.5"
