"""deploy/observe: Prometheus' configuration, the alert rules, the dashboard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from dexwire.runfile import Running
from shared.process.settings import METRICS_PORTS
from tests.testkit.metrics import metrics_of, scrape
from tests.testkit.process import ROOT, require, run_tool

OBSERVE: Final = ROOT / "deploy" / "observe"
PROMETHEUS_OWN: Final = {"up"}  # made by the scraper itself


def load(name: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load((OBSERVE / name).read_text(encoding="utf-8"))


def alerts() -> list[Any]:
    return [rule for group in load("alerts.yml")["groups"] for rule in group["rules"]]


def queries() -> list[tuple[str, str]]:
    """(panel, expression) of all targets of the dashboard."""
    board = json.loads((OBSERVE / "grafana/dashboards/dexwire.json").read_text(encoding="utf-8"))
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "1m"))
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


@pytest.fixture
def promtool() -> str:
    return require("promtool", by="deploy/ci-packages prometheus")


def test_the_configuration_is_one_that_prometheus_takes(promtool: str) -> None:
    assert "SUCCESS" in run_tool([promtool, "check", "config", "prometheus.yml"], cwd=OBSERVE)


def test_it_finds_every_replica_of_the_compose_services_on_their_ports() -> None:
    found = {
        job["job_name"]: (sd["names"], sd["type"], sd["port"])
        for job in load("prometheus.yml")["scrape_configs"]
        for sd in job["dns_sd_configs"]
    }

    assert found == {
        name: ([name], "A", port) for name, port in METRICS_PORTS.items() if name != "replay"
    }
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert found.keys() <= services.keys()


def test_every_alert_fires_when_it_should_and_only_then(promtool: str) -> None:
    assert run_tool([promtool, "test", "rules", "alerts.test.yml"], cwd=OBSERVE).endswith(
        "SUCCESS\n\n"
    )


def test_no_alert_goes_untried() -> None:
    tried = {
        (test["alertname"], bool(test["exp_alerts"]))
        for group in load("alerts.test.yml")["tests"]
        for test in group["alert_rule_test"]
    }

    assert tried == {(rule["alert"], fires) for rule in alerts() for fires in (True, False)}


def test_every_alert_says_how_bad_what_and_what_to_do() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in (ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    }

    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (page, anchor in headings) == ("docs/OPERATIONS.md", True), rule["alert"]


def test_every_panel_s_expression_is_promql(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": e} for n, (_, e) in enumerate(queries())]
    file = tmp_path / "panels.yml"
    file.write_text(
        yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8"
    )

    output = run_tool([promtool, "check", "rules", str(file)])

    assert f"SUCCESS: {len(rules)} rules found" in output


def test_every_metric_that_is_looked_at_is_exported_by_a_running_stack(
    demo: Running, demo_metrics: dict[str, int]
) -> None:
    assert demo.demo
    exported = set(PROMETHEUS_OWN)
    for port in demo_metrics.values():
        for name, kind in scrape(port).types.items():
            exported |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if (
                kind == "histogram"
            ) else {name}  # fmt: skip

    looked_at = {(title, name) for title, expr in queries() for name in metrics_of(expr)}
    looked_at |= {(rule["alert"], name) for rule in alerts() for name in metrics_of(rule["expr"])}

    assert len({name for _, name in looked_at}) > 40
    assert {(where, name) for where, name in looked_at if name not in exported} == set()


def test_grafana_is_given_the_data_source_that_the_panels_name() -> None:
    source = load("grafana/provisioning/datasources/prometheus.yml")["datasources"][0]
    board = json.loads((OBSERVE / "grafana/dashboards/dexwire.json").read_text(encoding="utf-8"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]

    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}


# -- the reader of expressions ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le, job) (rate(a_bucket{route!~"/x|b_total"}[5m]))', {"a_bucket"}),
        ("up == 0 or absent(c) and on (instance) group_left (version) d:e", {"up", "c", "d:e"}),
        ("histogram_quantile(0.99, f) > 1.5e9", {"f"}),
        ("max without(instance)(g offset 5m) > bool 1", {"g"}),
        ("time() - h{l='i{j}'}", {"h"}),
    ],
)
def test_the_metrics_of_an_expression(expression: str, names: set[str]) -> None:
    assert metrics_of(expression) == names
