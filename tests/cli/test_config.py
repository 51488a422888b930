"""`dexwire config`: what holds here, where it came from, and what looks wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dexwire.server.config import Value, config, masked, read_config
from dexwire.server.look_alikes import Unknown
from dexwire.server.settings_table import settings_table
from shared.errors import ConfigError
from tests.testkit.process import ROOT, Process

Spawn = Callable[..., Process]


def value(name: str) -> Value:
    return next(one for one in read_config().settings if one.variable == name)


def test_every_setting_has_a_description() -> None:
    assert [one.variable for one in settings_table() if not one.meaning] == []


def test_a_setting_of_several_services_is_listed_once() -> None:
    names = [one.variable for one in settings_table()]

    assert len(names) == len(set(names)) > 100
    assert value("MIN_POOL_LIQUIDITY").read_by == ("aggregator", "api", "recorder")
    assert value("API_PORT").read_by == ("api", "up")


@pytest.mark.parametrize(
    ("name", "default", "values"),
    [
        ("WINDOW_MS", "200", "10 to 10000 ms"),
        ("FETCH_CONCURRENCY", "5", "1 to 64"),
        ("FETCH_RATE_FACTOR", "1", "more than 0, up to 1000"),
        ("MIN_POOL_LIQUIDITY", "1000", "0, less than 1e+15"),
        ("PRICE_RULE", "ranked", "ranked or weighted"),
        ("LOG_JSON", "", "true or false"),
        ("DISCOVER_QUERIES", "sol,pepe", "comma list"),
        ("ALERT_PRICE_PCT", "5,10,20,50", "comma list of percentages"),
        ("CURSOR_SECRET", "", "text, 32 characters or more"),
        ("DATA_DIR", "", "folder"),
    ],
)
def test_default_and_bounds_are_those_of_the_class(name: str, default: str, values: str) -> None:
    found = value(name)

    assert (found.default, found.values) == (default, values)


def test_the_origin_is_the_first_that_has_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("WINDOW_MS=300\nMAX_TOKENS=9\nDISCOVER_QUERIES=cat\n", encoding="utf-8")
    monkeypatch.setenv("WINDOW_MS", "400")

    assert (value("WINDOW_MS").value, value("WINDOW_MS").origin) == ("400", "environment")
    assert (value("MAX_TOKENS").value, value("MAX_TOKENS").origin) == ("9", ".env")
    assert (value("DISCOVER_QUERIES").value, value("DISCOVER_QUERIES").origin) == ("cat", ".env")
    assert (value("COMMIT_FIELDS").value, value("COMMIT_FIELDS").origin) == ("3500", "default")


def test_a_source_with_a_prefix_is_read_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPITER_ENABLED", "false")

    assert (value("JUPITER_ENABLED").value, value("JUPITER_ENABLED").origin) == (
        "false",
        "environment",
    )
    assert value("DEXSCREENER_ENABLED").origin == "default"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://api:pw@h:1/0", "redis://api:********@h:1/0"),
        ("redis://:p@ss/w?x@h:1/0", "redis://:********@h:1/0"),
        ("redis://api@h:1/0", "redis://api@h:1/0"),
        ("unix:///run/redis.sock?password=pw&db=1", "unix:///run/redis.sock?password=********&db=1"),
        ("https://me:pw@proxy:3128", "https://me:********@proxy:3128"),
        (":8001/ws", ":8001/ws"),
        ("http://127.0.0.1:8000,http://localhost:8000", "http://127.0.0.1:8000,http://localhost:8000"),
    ],
)  # fmt: skip
def test_passwords_inside_urls_are_masked(text: str, shown: str) -> None:
    assert masked(text, secret=False) == shown


def test_no_secret_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://api:hush-1@h:1/0")
    monkeypatch.setenv("INGEST_API_KEYS", "bot.hush-2-" + 40 * "x")
    monkeypatch.setenv("CURSOR_SECRET", "hush-3")  # too short: a fault
    monkeypatch.setenv("JUPITER_API_KEY", "hush-4")
    for as_json in (False, True):
        assert config(None, as_json=as_json, changed=False) == 78
        printed = capsys.readouterr()
        assert "hush" not in printed.out + printed.err
        assert printed.out.count("********") == 4


def test_every_fault_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WINDOW_MS", "200ms")
    monkeypatch.setenv("JUPITER_URL", "ftp://x")
    monkeypatch.setenv("MIN_POOL_LIQUIDITY", "-1")  # read by two services

    assert config(None, as_json=False, changed=True) == 78
    assert capsys.readouterr().err.splitlines() == [
        "dexwire: wrong setting: JUPITER_URL: must look like https://host/path",
        "dexwire: wrong setting: MIN_POOL_LIQUIDITY: Input should be greater than or equal to 0",
        (
            "dexwire: wrong setting: WINDOW_MS: Input should be a valid integer, "
            "unable to parse string as an integer"
        ),
    ]


def test_only_the_named_service_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMIT_FIELDS", "0")

    assert config("aggregator", as_json=False, changed=False) == 78
    assert config("ws", as_json=False, changed=False) == 0


def test_look_alikes_are_reported_with_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "WINDOWS_MS=300\nCOMPOSE_PROJECT_NAME=x\nREDIS_IMAGE=y\n", encoding="utf-8"
    )
    monkeypatch.setenv("REDIS_ULR", "redis://h")
    monkeypatch.setenv("ws_prot", "8001")
    monkeypatch.setenv("API_TIMEOUT", "3")
    monkeypatch.setenv("XDG_DATA_DIRS", "/usr/share")
    monkeypatch.setenv("LOGNAME", "me")

    assert read_config().unknown == [
        Unknown(variable="API_TIMEOUT", origin="environment", meant=""),
        Unknown(variable="REDIS_ULR", origin="environment", meant="REDIS_URL"),
        Unknown(variable="WINDOWS_MS", origin=".env", meant="WINDOW_MS"),
        Unknown(variable="WS_PROT", origin="environment", meant="WS_PORT"),
    ]


def test_what_the_compose_file_takes_from_the_same_file_is_no_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    known = {one.variable for one in settings_table()}
    assert {"REDIS_IMAGE", "REDIS_MAXMEMORY"} <= named
    for name in named - known:
        monkeypatch.setenv(name, "x")

    assert read_config().unknown == []


def test_an_env_file_that_cannot_be_read_is_named() -> None:
    Path(".env").write_bytes(b"LOG_LEVEL=\xff\n")

    with pytest.raises(ConfigError, match=r"^\.env: cannot be read: "):
        read_config()


def test_the_command_prints_what_was_changed_as_json(spawn_dexwire: Spawn) -> None:
    process = spawn_dexwire("config", "ws", "--changed", "--json", env={"WS_PORT": "9001"})

    assert process.wait(40) == 0
    found = json.loads(process.output())
    assert [(one["variable"], one["value"]) for one in found["settings"]] == [("WS_PORT", "9001")]
    assert found["faults"] == found["unknown"] == []


def test_up_says_what_was_probably_meant(spawn_dexwire: Spawn) -> None:
    process = spawn_dexwire(
        "up", env={"REDIS_ULR": "redis://h", "REDIS_URL": "redis://127.0.0.1:1"}
    )

    assert process.wait(40) == 1
    assert process.lines()[0] == (
        "dexwire: REDIS_ULR (environment) is no setting; did you mean REDIS_URL?"
    )


def test_a_single_service_without_redis_url_says_what_was_probably_meant(
    spawn_dexwire: Spawn,
) -> None:
    process = spawn_dexwire("api", env={"REDIS_ULR": "redis://h"})

    assert process.wait(40) == 78
    first, second = process.lines()
    assert first == "dexwire: REDIS_ULR (environment) is no setting; did you mean REDIS_URL?"
    assert second.startswith("dexwire: wrong setting: REDIS_URL: not set; ")
