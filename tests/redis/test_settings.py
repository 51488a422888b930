"""What may be set of Redis, and how: addresses, passwords, secrets in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from redis.crc import key_slot as library_slot

from dexwire.server.settings import UpSettings
from dexwire.server.up.command import services
from dexwire.server.up.ports import Ports
from services.api.settings import ApiSettings
from services.fetcher.sources.jupiter import JupiterSettings
from shared.errors import ConfigError
from shared.process.settings import ServiceSettings, read_settings
from shared.redis.address import RedisAddress, RedisPlace, hash_tag, key_slot, parse_redis_url
from tests.testkit.process import Process

SENTINELS = "redis+sentinel://api@s1:26379,s2,[::1]:26380/mymaster/3"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            "redis://u:p%40ss@h:7000/2",
            RedisPlace(
                kind="server", tls=False, hosts=(("h", 7000),), user="u", password="p@ss", db=2
            ),
        ),
        ("rediss://h", RedisPlace(kind="server", tls=True, hosts=(("h", 6379),))),
        (
            "unix://u@/run/redis.sock",
            RedisPlace(kind="unix", tls=False, hosts=(), path="/run/redis.sock", user="u"),
        ),
        (
            SENTINELS,
            RedisPlace(
                kind="sentinel",
                tls=False,
                hosts=(("s1", 26379), ("s2", 26379), ("::1", 26380)),
                user="api",
                master="mymaster",
                db=3,
            ),
        ),
        (
            "rediss+cluster://a:1,b:2",
            RedisPlace(kind="cluster", tls=True, hosts=(("a", 1), ("b", 2))),
        ),
    ],
)
def test_an_address_is_taken_apart(url: str, place: RedisPlace) -> None:
    assert parse_redis_url(url) == place


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://h", "must start with one of redis://"),
        ("redis://", "needs a host"),
        ("redis://h:99999", "a host or a port that is none"),
        ("redis://h:0", "needs a host"),
        ("redis://a,b", "names several hosts"),
        ("redis://h/one", "the number of a database"),
        ("unix://", "needs the path of a socket"),
        ("redis+sentinel://h:26379", "needs the name of the master"),
        ("redis+sentinel://h/m/0?ssl=1", "takes no options"),
        ("redis+sentinel://h,/m", "needs a host"),
        ("redis+cluster://h/1", "a cluster has none but 0"),
    ],
)
def test_an_address_that_is_none_is_refused_by_name(url: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"^REDIS_URL: .*{complaint}"):
        read_settings(ServiceSettings, redis_url=url)


def test_a_cluster_needs_a_prefix_that_is_one_slot() -> None:
    url = "redis+cluster://h:6379"
    for prefix in ("", "dexwire:", "{}:", "{open"):
        with pytest.raises(ConfigError, match=r"^REDIS_PREFIX: .*\{dexwire\}:"):
            read_settings(ServiceSettings, redis_url=url, redis_prefix=prefix or None)

    assert read_settings(ServiceSettings, redis_url=url, redis_prefix="{a}:").redis.prefix == "{a}:"


@pytest.mark.parametrize("prefix", ["{dexwire}:", "a{b}c{d}", "{1}", "{schön}:"])
def test_the_slot_is_the_one_that_the_library_computes(prefix: str) -> None:
    tag = hash_tag(prefix)

    assert tag is not None
    assert key_slot(tag) == library_slot(f"{prefix}token:x".encode())


def test_an_address_shows_no_password() -> None:
    address = RedisAddress(url="redis://u:secret1@h/0?password=secret2", password="secret3")

    assert str(address) == "redis://h/0"
    assert "secret" not in repr(address)


def test_a_password_comes_from_its_variable_or_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://api@h/0")
    monkeypatch.setenv("REDIS_PASSWORD", "plain")
    plain = read_settings(ServiceSettings).redis.password
    (tmp_path / "pw").write_text("from a file\n\n", encoding="utf-8")
    monkeypatch.setenv("REDIS_PASSWORD", "")  # as good as none
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(tmp_path / "pw"))

    assert plain == "plain"
    assert read_settings(ServiceSettings).redis.password == "from a file\n"


def test_the_dotenv_file_may_name_secret_files_too(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("jupiter's key", encoding="utf-8")
    (tmp_path / ".env").write_text(f"JUPITER_API_KEY_FILE={tmp_path / 'key'}\n", encoding="utf-8")

    assert read_settings(JupiterSettings).api_key.get_secret_value() == "jupiter's key"


def test_every_fault_of_secrets_is_reported_at_once_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "short").write_text("a secret of few characters"[:9], encoding="utf-8")
    monkeypatch.setenv("REDIS_URL", "redis://u:hush@h/0")
    monkeypatch.setenv("REDIS_PASSWORD", "hush2")
    monkeypatch.setenv("REDIS_SENTINEL_PASSWORD_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("INGEST_API_KEYS_FILE", str(tmp_path / "empty"))
    monkeypatch.setenv("CURSOR_SECRET_FILE", str(tmp_path / "short"))

    with pytest.raises(ConfigError) as caught:
        read_settings(ApiSettings)

    message = str(caught.value)
    assert "REDIS_PASSWORD: REDIS_URL holds a password already" in message
    missing = f"REDIS_SENTINEL_PASSWORD_FILE: No such file or directory: {tmp_path}/none"
    assert f"REDIS_SENTINEL_PASSWORD: {missing}" in message
    assert f"INGEST_API_KEYS: INGEST_API_KEYS_FILE: is empty: {tmp_path}/empty" in message
    assert "CURSOR_SECRET: Value should have at least 32 items" in message
    assert "hush" not in message
    assert "a secret" not in message


def test_a_secret_given_twice_ends_the_start_with_78(
    spawn_dexwire: Callable[..., Process], tmp_path: Path
) -> None:
    (tmp_path / "pw").write_text("one", encoding="utf-8")
    env = {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "REDIS_PASSWORD": "two",
        "REDIS_PASSWORD_FILE": str(tmp_path / "pw"),
    }

    process = spawn_dexwire("aggregator", env=env)

    assert process.wait(30) == 78
    assert process.output() == (
        "dexwire: wrong setting: "
        "REDIS_PASSWORD: REDIS_PASSWORD_FILE is given too; only one may be\n"
    )


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"redis_ca_file": "/none"}, "REDIS_CA_FILE: .*cannot be read"),
        ({"redis_cert_file": "/dev/null"}, "REDIS_CERT_FILE and REDIS_KEY_FILE are given together"),
        ({"redis_key_file": "/dev/null"}, "REDIS_CERT_FILE and REDIS_KEY_FILE are given together"),
    ],
)
def test_certificates_are_files_that_can_be_read(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read_settings(ServiceSettings, redis_url="rediss://h", **given)


def test_the_embedded_server_needs_no_password_of_another() -> None:
    children = services(UpSettings(redis_password="x"), Ports(1, 2, None), "unix:///s")

    assert {child.env["REDIS_PASSWORD"] for child in children} == {""}
    assert {child.env["REDIS_PASSWORD_FILE"] for child in children} == {""}
