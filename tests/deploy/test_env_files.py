"""Every file that sets variables for dexwire names settings that are there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from dexwire.server.config import complaints, read_config
from dexwire.server.look_alikes import Unknown, known_variables, meant_by
from dexwire.server.settings_table import settings_table
from tests.testkit.process import ROOT, Process
from tests.testkit.wait import eventually

Spawn = Callable[..., Process]
TABLE = settings_table()
KNOWN = known_variables(TABLE)
EXAMPLE = ROOT / ".env.example"
ENV_FILES = [*ROOT.glob("deploy/*.env"), EXAMPLE]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
OURS = ("users", "fetcher", "aggregator", "api", "ws", "images", "recorder", "replay", "admin")
OF_COMPOSE = {
    *re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")),
    "COMPOSE_PROJECT_NAME",
    "COMPOSE_PROFILES",
}
_LINE = re.compile(r"^(?:# ?)? *([A-Z][A-Z0-9_]+)=", re.MULTILINE)


def named(file: Path) -> list[str]:
    """The variables that a file sets, those in comments too: people take the comment away."""
    return _LINE.findall(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", ENV_FILES, ids=lambda file: file.name)
def test_an_env_file_names_settings_only(file: Path) -> None:
    names = named(file)

    assert names
    assert sorted(set(names) - KNOWN - OF_COMPOSE) == []


@pytest.mark.parametrize("service", OURS)
def test_compose_gives_its_services_settings_only(service: str) -> None:
    given = set(COMPOSE[service].get("environment", ()))

    assert given - KNOWN == set()


def test_kubernetes_gives_its_pods_settings_only() -> None:
    given: set[str] = set()
    for file in (ROOT / "deploy/kubernetes").glob("**/*.yaml"):
        text = file.read_text(encoding="utf-8")
        given |= set(re.findall(r"^ +- ([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
        given |= set(re.findall(r"^ +- name: ([A-Z][A-Z0-9_]+)$", text, re.MULTILINE))

    assert {"LOG_JSON", "REDIS_URL", "WS_ORIGINS"} <= given
    assert given - KNOWN == set()


def test_the_example_has_every_setting_with_its_meaning_and_default() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    assert named(EXAMPLE) == [one.variable for one in TABLE]
    for one in TABLE:
        assert f"\n#{one.variable}={one.default}\n" in text
    joined = " ".join(line.removeprefix("# ") for line in text.splitlines())
    assert [one.variable for one in TABLE if one.meaning not in joined] == []
    assert max(map(len, text.splitlines())) <= 120


def test_copying_the_example_changes_nothing() -> None:
    before = read_config()
    Path(".env").write_bytes(EXAMPLE.read_bytes())

    assert read_config() == before
    assert dotenv_values(".env") == {}


def test_the_example_s_values_are_what_it_takes() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    Path(".env").write_text(re.sub(r"^#(?=[A-Z])", "", text, flags=re.MULTILINE), encoding="utf-8")

    assert complaints(read_config()) == []
    assert len(dotenv_values(".env")) == len(TABLE)


# -- names that are none ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("WINDOWS_MS", "WINDOW_MS"),
        ("STALE_AFTER_PRICE_S", "PRICE_STALE_S"),
        ("STALE_PRICE_S", "PRICE_STALE_S"),
        ("PORT_API", "API_PORT"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("AWS_LOG_LEVEL", ""),
        ("GF_METRICS_PORT", ""),
        ("XDG_DATA_DIRS", ""),
        ("PATH", ""),
    ],
)
def test_a_name_is_recognised_by_its_letters_or_its_words(name: str, meant: str) -> None:
    assert meant_by(name, KNOWN) == meant


def test_the_settings_file_of_compose_is_judged_name_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("docker-compose.yml").touch()
    Path("my.env").write_text(
        "STALE_AFTER_PRICE_S=60\nLOG_LEVEL=DEBUG\nCOLOUR=red\n", encoding="utf-8"
    )
    monkeypatch.setenv("SETTINGS_FILE", "my.env")

    assert read_config().unknown == [
        Unknown(variable="COLOUR", origin="my.env", meant=""),
        Unknown(variable="STALE_AFTER_PRICE_S", origin="my.env", meant="PRICE_STALE_S"),
    ]


@pytest.fixture
def dotenv_with_a_slip() -> None:
    Path(".env").write_text("REPLAY_TOKEN=9\n", encoding="utf-8")


@pytest.mark.usefixtures("dotenv_with_a_slip")
async def test_a_service_names_what_was_meant_in_its_log(spawn_dexwire: Spawn) -> None:
    replay = spawn_dexwire("replay", env={"REPLAY_PORT": "0", "STALE_AFTER_PRICE_S": "60"})

    await eventually(lambda: "replay_ready" in replay.output(), timeout_s=30)
    output = replay.output()
    assert '"variable": "REPLAY_TOKEN", "origin": ".env", "meant": "REPLAY_TOKENS"' in output
    assert '"meant": "PRICE_STALE_S", "event": "setting_unknown"' in output
