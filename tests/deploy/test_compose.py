"""What docker-compose.yml promises, read as text: no engine is needed (deploy/check runs it)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import SecretStr

from services.api.settings import ApiSettings
from shared.redis.users import redis_users
from tests.testkit.process import ROOT, run_tool

FILE: Final = ROOT / "docker-compose.yml"
PLAN: Final[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = PLAN["services"]
OURS: Final = ("fetcher", "aggregator", "api", "ws", "images", "recorder")
PUBLISHING: Final = ("caddy", "prometheus", "grafana")
ONE_SHOT: Final = {"users", "admin"}
DRAIN_S: Final = 15
SECRET_WORDS: Final = ("password", "secret", "api_key")

every_service = pytest.mark.parametrize("name", SERVICES)
our_service = pytest.mark.parametrize("name", OURS)


def test_the_file_fits_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, str(FILE)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@every_service
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"][:1] == ["/tmp:size=16m,mode=1777,noexec,nosuid,nodev"]  # noqa: S108
    assert service["init"] is True
    assert "privileged" not in service
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])


@every_service
def test_a_service_is_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["pids_limit"] <= 256
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < service["cpus"] <= 1
    assert service["ulimits"]["nofile"]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


@every_service
def test_a_service_comes_back_unless_it_was_a_single_job(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert service["healthcheck"].get("disable", False) is (name in ONE_SHOT)
    assert name in ONE_SHOT or service["healthcheck"]["test"]


@our_service
def test_a_service_may_finish_its_drain(name: str) -> None:
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > DRAIN_S


@every_service
def test_only_what_people_look_at_has_a_port_and_that_on_this_machine_alone(name: str) -> None:
    published = {
        "caddy": ["${BIND:-127.0.0.1}:${PORT:-8080}:8080"],
        "prometheus": ["127.0.0.1:${PROMETHEUS_PORT:-9090}:9090"],
        "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
    }
    assert SERVICES[name].get("ports", []) == published.get(name, [])


def test_only_what_fetches_and_what_has_a_port_have_a_way_out() -> None:
    closed = {name for name, network in PLAN["networks"].items() if (network or {}).get("internal")}
    assert closed == {"edge", "internal"}
    outside = {
        name for name, service in SERVICES.items() if not closed.issuperset(networks(service))
    }
    assert outside == {"fetcher", "images", *PUBLISHING}


def test_prometheus_meets_every_service_in_the_network_without_a_way_out_alone() -> None:
    theirs = set(networks(SERVICES["prometheus"]))
    for name in OURS:
        assert theirs.intersection(networks(SERVICES[name])) == {"internal"}


@pytest.mark.parametrize("name", ["api", "images", "ws"])
def test_the_proxy_meets_what_it_serves_in_one_network(name: str) -> None:
    # A name leads to the addresses of all networks that two services share.
    shared = set(networks(SERVICES["caddy"])) & set(networks(SERVICES[name]))
    assert shared == {"edge"}


def test_the_proxy_does_not_reach_redis() -> None:
    assert networks(SERVICES["redis"]) == ["internal"]
    assert "internal" not in networks(SERVICES["caddy"])


@pytest.mark.parametrize("pool", ["172.16.0.0/12", "192.168.0.0/16"])
def test_the_proxy_s_network_is_none_that_an_engine_gives_to_others(pool: str) -> None:
    subnet = PLAN["networks"]["edge"]["ipam"]["config"][0]["subnet"]
    subnets = [subnet.removeprefix("${EDGE_SUBNET:-").removesuffix("}")]
    subnets.append(env_file(ROOT / "deploy/replay.env")["EDGE_SUBNET"])
    for each in subnets:
        assert not ip_network(each).overlaps(ip_network(pool)), each


@pytest.mark.parametrize("name", ["api", "ws", "images"])
def test_forwarded_addresses_are_believed_from_the_proxy_s_network_alone(name: str) -> None:
    subnet = PLAN["networks"]["edge"]["ipam"]["config"][0]["subnet"]
    assert SERVICES[name]["environment"]["TRUSTED_PROXIES"] == subnet


@every_service
def test_every_service_without_a_port_can_be_scaled(name: str) -> None:
    assert "container_name" not in SERVICES[name]
    assert "hostname" not in SERVICES[name]
    assert name in PUBLISHING or not SERVICES[name].get("ports")


@every_service
def test_nothing_reaches_the_engine_or_writes_to_the_machine(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source, _, rest = mount.partition(":")
        assert "docker.sock" not in mount
        assert rest.endswith(":ro") or source in PLAN["volumes"], mount


@our_service
def test_a_service_sees_its_own_password_only(name: str) -> None:
    service = SERVICES[name]
    keys, *others = service["volumes"]
    assert keys == f"keys-{name}:/run/keys:ro"
    history = ["history-data:/history"]
    data = {"images": ["images-data:/state"], "api": history, "recorder": history}
    assert others == data.get(name, [])
    assert service["environment"]["REDIS_URL"] == f"redis://{name}@redis:6379/0"
    assert service["environment"]["REDIS_PASSWORD_FILE"] == "/run/keys/redis_password"


def test_every_service_s_redis_user_is_in_the_table() -> None:
    assert {user.name for user in redis_users()} == {*OURS, "admin"}


def test_no_password_is_written_anywhere() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            secret = any(word in variable.lower() for word in SECRET_WORDS)
            assert not secret or variable.endswith("_FILE"), (name, variable)
            assert not re.search(r"://[^@/]*:[^@/]*@", str(value)), (name, variable)
    assert (ROOT / "deploy/no-ingest-keys").read_text(encoding="utf-8") == ""


def test_redis_keeps_what_it_has_and_says_when_it_is_full() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--aclfile /run/keys/users.acl" in command
    assert "--maxmemory ${REDIS_MAXMEMORY:-512mb} --maxmemory-policy noeviction" in command
    assert "--client-output-buffer-limit pubsub 32mb 8mb 10" in command
    assert "--appendonly yes" in command


def test_the_replayed_market_has_its_own_project_and_feeds_the_fetchers() -> None:
    values = env_file(ROOT / "deploy/replay.env")
    assert values["COMPOSE_PROFILES"] == "replay"
    assert values["COMPOSE_PROJECT_NAME"] == "dexwire-replay"
    assert values["DEMO"] == "true"
    assert values["FETCH_REPLAY_URL"] == "http://replay:8010"
    assert "FETCH_REPLAY_URL" in SERVICES["fetcher"]["environment"]  # handed on
    assert SERVICES["replay"]["profiles"] == ["replay"]


def test_fetchers_that_post_have_a_key_of_their_own_which_the_api_knows_only_then(
    tmp_path: Path,
) -> None:
    made = users_script(tmp_path, FETCHER_DELIVERY="pubsub")
    key = made("fetcher/api_key")
    assert re.fullmatch(r"fetcher:polled\.[\w-]{43}\n", key)
    assert re.fullmatch(r"owner\.[\w-]{43}\n", made("api/ingest_keys"))

    owner = made("api/ingest_keys").strip()
    for _ in range(2):  # again: what is there stays
        made = users_script(tmp_path, FETCHER_DELIVERY="ingest")
        assert made("fetcher/api_key") == key
        assert made("api/ingest_keys") == f"{owner},{key}"
    ApiSettings(ingest_api_keys=SecretStr(made("api/ingest_keys").strip()))


def test_fetchers_reach_the_api_without_leaving_the_deployment() -> None:
    fetcher = SERVICES["fetcher"]
    assert fetcher["environment"]["FETCHER_API_URL"] == "http://api:8000"
    assert set(networks(fetcher)) & set(networks(SERVICES["api"])) == {"internal"}


def users_script(folder: Path, **environ: str) -> Callable[[str], str]:
    """Run the script of `users` on folders of the test; return how to read what it made."""
    (only,) = SERVICES["users"]["command"]
    script = only.replace("$$", "$").replace("/keys/", f"{folder}/keys/")
    script = script.replace("/run/secrets/", f"{folder}/secrets/")
    for name in ("all", "redis", *OURS):
        (folder / "keys" / name).mkdir(parents=True, exist_ok=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = [f"{name}={value}" for name, value in {"PATH": path, **environ}.items()]
    run_tool(["env", *variables, "sh", "-euc", script])
    return lambda name: (folder / "keys" / name).read_text(encoding="utf-8")


def networks(service: dict[str, Any]) -> list[str]:
    return list(service.get("networks", []))


def env_file(path: Path) -> dict[str, str]:
    lines = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    return dict(line.split("=", 1) for line in lines)


def test_the_proxy_leaves_idle_connections_before_a_draining_api_closes_them() -> None:
    kept = re.search(
        r"^\s*keepalive (\d+)s$",
        (ROOT / "deploy/Caddyfile").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert kept is not None
    assert float(kept[1]) < ApiSettings().api_drain_grace_s


def test_the_dashboard_knows_no_account_and_no_password() -> None:
    grafana = SERVICES["grafana"]["environment"]
    assert grafana["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert grafana["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert not [name for name in grafana if "PASSWORD" in name]


def test_files_that_are_mounted_are_there() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.partition(":")[0]
            assert source in PLAN["volumes"] or (ROOT / source).exists(), mount
