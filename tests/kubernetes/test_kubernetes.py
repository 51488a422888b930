"""deploy/kubernetes, rendered by kustomize: what a cluster would be given."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dexwire.server.config import read_config
from dexwire.server.up.net import http_get
from services.fetcher.settings import FetcherSettings
from shared.process.settings import METRICS_PORTS, read_settings
from tests.testkit.process import ROOT, Process, free_port, require
from tests.testkit.wait import eventually

FOLDER = ROOT / "deploy/kubernetes"
BUILDS = ("base", "overlays/redis", "overlays/example")
SERVICES = ("fetcher", "aggregator", "api", "ws", "images")
LISTENING = {"api", "ws", "images"}  # on a port of their own
VERSIONS = ("1.30", "1.37")  # the oldest that it is for, the newest whose schemas are here
STOP_S = 15  # within which a service ends, docs/ARCHITECTURE.md


@cache
def rendered(build: str) -> tuple[dict[str, Any], ...]:
    command = [require("kustomize", by="deploy/ci-kustomize"), "build", str(FOLDER / build)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(kind: str, build: str = "base") -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in rendered(build) if one["kind"] == kind}


def pod(service: str, build: str = "base") -> dict[str, Any]:
    deployment = of_kind("Deployment", build)[f"dexwire-{service}"]
    return dict(deployment["spec"]["template"]["spec"])


def container(service: str, build: str = "base") -> dict[str, Any]:
    (only,) = pod(service, build)["containers"]
    return dict(only)


def port_number(service: str, name: str) -> int:
    return next(int(p["containerPort"]) for p in container(service)["ports"] if p["name"] == name)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("build", BUILDS)
def test_every_object_is_valid_by_the_strict_schema(build: str, version: str) -> None:
    objects = list(rendered(build))
    assert objects
    for one in objects:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("build", BUILDS)
def test_no_secret_is_rendered(build: str) -> None:
    assert of_kind("Secret", build) == {}


def test_every_service_is_deployed_by_its_own_command() -> None:
    assert set(of_kind("Deployment")) == {f"dexwire-{name}" for name in SERVICES}
    assert [container(name)["args"] for name in SERVICES] == [[name] for name in SERVICES]


@pytest.mark.parametrize("build", BUILDS)
def test_every_pod_passes_the_restricted_standard(build: str) -> None:
    for one in (*of_kind("Deployment", build).values(), *of_kind("StatefulSet", build).values()):
        spec = one["spec"]["template"]["spec"]
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert spec["automountServiceAccountToken"] is False
        for each in spec["containers"]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(each["resources"]) == {"requests", "limits"}
            assert "memory" in each["resources"]["limits"]


@pytest.mark.parametrize("service", SERVICES)
def test_probes_ask_the_service_itself_and_readiness_more_than_liveness(service: str) -> None:
    spec = container(service)
    port = "http" if service in LISTENING else "metrics"

    def checked(probe: str) -> tuple[str, str]:
        return spec[probe]["httpGet"]["path"], spec[probe]["httpGet"]["port"]

    assert checked("startupProbe") == ("/livez", port)
    assert checked("livenessProbe") == ("/livez", port)
    assert checked("readinessProbe") == ("/readyz", port)
    assert port_number(service, "metrics") == METRICS_PORTS[service]


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_has_the_time_that_its_end_takes(service: str) -> None:
    hook = container(service).get("lifecycle", {}).get("preStop", {}).get("sleep", {})
    waits = hook.get("seconds", 0)

    assert waits == (5 if service in LISTENING else 0)
    assert pod(service)["terminationGracePeriodSeconds"] >= waits + STOP_S + 5


@pytest.mark.parametrize("service", SERVICES)
def test_replicas_spread_and_one_may_always_be_moved(service: str) -> None:
    budget = of_kind("PodDisruptionBudget")[f"dexwire-{service}"]["spec"]
    deployment = of_kind("Deployment")[f"dexwire-{service}"]["spec"]

    assert budget["selector"] == deployment["selector"]
    assert budget.get("minAvailable", budget.get("maxUnavailable")) == 1
    assert {one["topologyKey"] for one in pod(service)["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_api_and_ws_scale_by_themselves_and_leave_the_number_to_that() -> None:
    scalers = of_kind("HorizontalPodAutoscaler")

    assert set(scalers) == {"dexwire-api", "dexwire-ws"}
    for name, one in scalers.items():
        assert one["spec"]["scaleTargetRef"]["name"] == name
        assert one["spec"]["minReplicas"] == 2
        assert "replicas" not in of_kind("Deployment")[name]["spec"]
        cpu = [m["resource"]["name"] for m in one["spec"]["metrics"] if m["type"] == "Resource"]
        assert cpu == ["cpu"]
    connections, _ = scalers["dexwire-ws"]["spec"]["metrics"]
    assert connections["pods"]["metric"] == {"name": "dexwire_ws_connections"}
    for name in ("dexwire-fetcher", "dexwire-aggregator", "dexwire-images"):
        assert of_kind("Deployment")[name]["spec"]["replicas"] == 2


def environment(service: str, build: str) -> dict[str, str]:
    """What a pod's process would be given."""
    (maps,) = of_kind("ConfigMap", build).values()
    # Else API_PORT=tcp://… comes with a Service called `api`.
    assert pod(service, build)["enableServiceLinks"] is False
    only = container(service, build)
    assert only["envFrom"] == [{"configMapRef": {"name": maps["metadata"]["name"]}}]
    return {**maps["data"], **{one["name"]: one["value"] for one in only["env"]}}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("right-one", encoding="utf-8")
    (tmp_path / "keys").write_text(f"bot.sha256:{'0' * 64}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("build", ["base", "overlays/example"])
@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_is_a_setting_with_a_value_that_its_service_takes(
    service: str, build: str, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(service, build)
    mounted = {m["mountPath"] for m in container(service, build)["volumeMounts"]}
    for name, value in given.items():
        if name.endswith("_FILE"):
            assert str(Path(value).parent) in mounted
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(secrets / "password"))
    if "INGEST_API_KEYS_FILE" in given:
        monkeypatch.setenv("INGEST_API_KEYS_FILE", str(secrets / "keys"))

    found = read_config(service)

    assert (found.faults, found.unknown) == ([], [])
    assert given["REDIS_URL"] == f"redis://{service}@redis:6379/0"


def test_each_service_sees_its_own_password_only() -> None:
    for service in SERVICES:
        (volume,) = [one for one in pod(service)["volumes"] if one["name"] == "redis-password"]
        assert [one["key"] for one in volume["secret"]["items"]] == [f"redis_{service}"]
        assert volume["secret"]["defaultMode"] == 0o440


def test_network_policies_open_ports_that_pods_have() -> None:
    policies = of_kind("NetworkPolicy", "overlays/example")
    names = {
        port["name"]
        for kind in ("Deployment", "StatefulSet")
        for one in of_kind(kind, "overlays/example").values()
        for each in one["spec"]["template"]["spec"]["containers"]
        for port in each["ports"]
    }
    opened = {
        port["port"]
        for one in policies.values()
        for rule in one["spec"].get("ingress", [])
        for port in rule["ports"]
    }

    assert opened == names
    assert policies["dexwire-default"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    for kind in ("Deployment", "StatefulSet"):
        for one in of_kind(kind, "overlays/example").values():
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert labels["app.kubernetes.io/part-of"] == "dexwire"


def test_a_history_adds_a_recorder_and_gives_its_database_to_the_api_alone(
    tmp_path: Path,
) -> None:
    build = tmp_path / "history"
    build.mkdir()
    places = {name: os.path.relpath(FOLDER / name, build) for name in ("base", "components")}
    (build / "kustomization.yaml").write_text(
        f"resources: [{places['base']}]\ncomponents: [{places['components']}/history]\n",
        encoding="utf-8",
    )
    assert set(of_kind("Deployment", str(build))) == {
        f"dexwire-{name}" for name in (*SERVICES, "recorder")
    }
    for version in VERSIONS:
        for one in rendered(str(build)):
            kubernetes_validate.validate(one, version, strict=True)
    for service in (*SERVICES, "recorder"):
        env = {each["name"] for each in container(service, str(build))["env"]}
        assert ("HISTORY_URL_FILE" in env) == (service in {"api", "recorder"})
    (egress,) = of_kind("NetworkPolicy", str(build))["dexwire-history"]["spec"]["egress"]
    assert egress["ports"] == [{"port": 5432, "protocol": "TCP"}]


def test_fetchers_that_post_reach_the_api_with_a_key_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = tmp_path / "build"
    build.mkdir()
    places = {name: os.path.relpath(FOLDER / name, build) for name in ("base", "components")}
    (build / "kustomization.yaml").write_text(
        f"resources: [{places['base']}]\n"
        f"components: [{places['components']}/ingest, {places['components']}/post]\n",
        encoding="utf-8",
    )
    given = environment("fetcher", str(build))
    policy = of_kind("NetworkPolicy", str(build))["dexwire-post"]

    kubernetes_validate.validate(policy, VERSIONS[-1], strict=True)
    assert policy["spec"]["egress"][0]["to"] == [
        {"podSelector": {"matchLabels": of_kind("Service")["dexwire-api"]["spec"]["selector"]}}
    ]
    (tmp_path / "key").write_text(f"fetcher:polled.{'s' * 32}", encoding="utf-8")
    for name in ("FETCHER_DELIVERY", "FETCHER_API_URL"):
        monkeypatch.setenv(name, given[name])
    monkeypatch.setenv("FETCHER_API_KEY_FILE", str(tmp_path / "key"))
    found = read_settings(FetcherSettings)
    assert (found.fetcher_delivery, found.fetcher_api_url) == ("ingest", "http://dexwire-api:8000")
    assert given["FETCHER_API_KEY_FILE"] == "/run/ingest/fetcher_key"
    (volume,) = [v for v in pod("fetcher", str(build))["volumes"] if v["name"] == "fetcher-key"]
    assert [item["key"] for item in volume["secret"]["items"]] == ["fetcher_key"]


def test_everybody_finds_redis_under_one_name() -> None:
    outside = of_kind("Service")["redis"]["spec"]
    inside = of_kind("Service", "overlays/redis")["redis"]["spec"]

    assert outside["type"] == "ExternalName"
    assert inside["type"] == "ClusterIP"
    assert "externalName" not in inside
    assert inside["selector"]["app.kubernetes.io/name"] == "dexwire-redis"


def test_one_name_serves_pages_stream_and_images() -> None:
    (ingress,) = of_kind("Ingress", "overlays/example").values()
    services = of_kind("Service", "overlays/example")
    for path in ingress["spec"]["rules"][0]["http"]["paths"]:
        backend = path["backend"]["service"]
        ports = [port["name"] for port in services[backend["name"]]["spec"]["ports"]]
        assert backend["port"]["name"] in ports


@pytest.mark.parametrize("service", SERVICES)
async def test_a_running_service_answers_its_probes(
    service: str, spawn_service: Callable[..., Process]
) -> None:
    ports = {"http": free_port(), "metrics": free_port()}
    env = {"METRICS_PORT": str(ports["metrics"])}
    if service in LISTENING:
        env[f"{service.upper()}_PORT"] = str(ports["http"])
    process = spawn_service(service, env=env)

    async def status(probe: str) -> int | None:
        checked = container(service)[probe]["httpGet"]
        try:
            return (await http_get("127.0.0.1", ports[checked["port"]], checked["path"]))[0]
        except OSError:
            return None

    assert await eventually(lambda: status("startupProbe"), timeout_s=30) == 200, process.output()
    assert await status("livenessProbe") == 200
    waits = service in {"api", "ws"}  # for an aggregator, which is not there
    assert await status("readinessProbe") == (503 if waits else 200)


def test_the_pod_that_restores_has_the_disk_and_the_rights_of_redis() -> None:
    text = (ROOT / "deploy/kubernetes/restore.yaml").read_text(encoding="utf-8")
    pod = yaml.safe_load(text)
    redis = of_kind("StatefulSet", "overlays/redis")["dexwire-redis"]["spec"]

    kubernetes_validate.validate(pod, VERSIONS[-1], strict=True)
    (disk,) = redis["volumeClaimTemplates"]
    claim = f"{disk['metadata']['name']}-dexwire-redis-0"
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": claim}
    assert pod["spec"]["securityContext"] == redis["template"]["spec"]["securityContext"]
