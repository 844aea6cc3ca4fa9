"""How the service is watched: what is scraped, and the alerts on it, in the real Prometheus."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.prometheus import DEPLOYED, Labels, Prometheus, read, selected

RULES = [rule for group in read(DEPLOYED / "alerts.yml")["groups"] for rule in group["rules"]]
ALERTS = [rule["alert"] for rule in RULES if "alert" in rule]


@pytest.mark.parametrize(
    "check", ["check config prometheus.yml", "check rules alerts.yml", "test rules alerts_test.yml"]
)
def test_promtool_finds_nothing_wrong(promtool: Callable[..., None], check: str) -> None:
    promtool(*check.split())


def firing(moment: Any) -> set[str]:
    return {
        found[1] for each in moment.get("exp_samples", []) if (found := re.search(r'alertname="(\w+)"', each["labels"]))
    }


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_fires_at_a_time_of_a_unit_test_and_not_at_another(alert: str) -> None:
    tests = [
        [alert in firing(moment) for moment in test["promql_expr_test"] if "ALERTS{" in moment["expr"]]
        for test in read(DEPLOYED / "alerts_test.yml")["tests"]
    ]
    assert any(set(fires) == {True, False} for fires in tests)


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in RULES:
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.parametrize("file", ["alerts.yml", "alerts_test.yml"])
def test_rules_and_their_tests_are_of_metrics_that_the_service_has(file: str, exposed: Labels) -> None:
    metrics = selected((DEPLOYED / file).read_text())
    assert metrics
    for name, labels in metrics:
        assert labels <= exposed[name], name


def test_the_service_is_scraped(prometheus: Prometheus) -> None:
    (target,) = prometheus.get("targets")["activeTargets"]
    assert target["health"] == "up", target["lastError"]
    assert target["labels"]["job"] == "mnist"


def test_all_rules_can_be_evaluated(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    assert len(rules) == len(RULES)
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_no_alert_is_near_on_a_healthy_service(prometheus: Prometheus) -> None:
    near = {alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"]}
    assert near <= {"MnistSlow"}  # which a busy machine may be for a moment
