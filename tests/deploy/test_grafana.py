"""The dashboard: what Grafana is given, with each query run by the real Prometheus."""

import json
import math
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.paths import ROOT
from tests.support.prometheus import DEPLOYED, Labels, Prometheus, read, selected

GRAFANA = ROOT / "deploy" / "grafana"
FILE = GRAFANA / "dashboards" / "mnist.json"
DASHBOARD = json.loads(FILE.read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = DASHBOARD["templating"]["list"]
QUERIES = {f"{each['title']} {target['refId']}": target["expr"] for each in PANELS for target in each["targets"]}
SERVICES = read(ROOT / "deploy" / "compose.yaml")["services"]
(DATASOURCE,) = read(GRAFANA / "provisioning" / "datasources" / "prometheus.yml")["datasources"]

# Reads a dashboard as Grafana's own types have it, and writes what they know of it.
READ = """
import sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
import json
register_default_plugins()
print(JSONEncoder().encode(Dashboard.from_json(json.load(sys.stdin))))
"""


def substituted(query: str) -> str:
    """Fill in a query as Grafana does where all replicas and versions are looked at."""
    values = {each["name"]: each["allValue"] for each in VARIABLES} | {"__rate_interval": "1m"}
    return re.sub(r"\$(\w+)", lambda found: str(values[found[1]]), query)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_each_query_gives_numbers(query: str, prometheus: Prometheus) -> None:
    assert any(math.isfinite(value) for value in prometheus.values(substituted(query)))


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable["name"])
def test_each_variable_has_values(variable: Any, prometheus: Prometheus) -> None:
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
    assert found
    assert prometheus.get(f"label/{found[2]}/values", **{"match[]": found[1]})


def test_queries_are_of_metrics_that_the_service_has(exposed: Labels) -> None:
    for name, labels in selected("\n".join(QUERIES.values())):
        assert labels <= exposed[name], name


def test_rates_are_taken_over_what_was_scraped() -> None:
    assert DATASOURCE["jsonData"]["timeInterval"] == read(DEPLOYED / "prometheus.yml")["global"]["scrape_interval"]
    for query in QUERIES.values():
        assert query.count("[") == query.count("[$__rate_interval]")


def test_panels_and_variables_ask_the_datasource_that_is_provisioned() -> None:
    for each in (*PANELS, *VARIABLES):
        assert each["datasource"] == {"type": DATASOURCE["type"], "uid": DATASOURCE["uid"]}
    address = urlsplit(DATASOURCE["url"])
    assert SERVICES[address.hostname]["ports"][0].endswith(f":{address.port}")


def test_the_dashboard_is_provisioned_from_where_it_is_mounted() -> None:
    mounts = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    (provider,) = read(GRAFANA / "provisioning" / "dashboards" / "mnist.yml")["providers"]
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/{FILE.name}"


def test_each_panel_says_what_it_shows_in_what_unit_and_what_is_normal() -> None:
    for panel in PANELS:
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["description"].endswith(".")
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def cells(x: int, y: int, w: int, h: int) -> set[tuple[int, int]]:
    return {(column, line) for column in range(x, x + w) for line in range(y, y + h)}


def test_panels_fill_the_width_and_do_not_overlap() -> None:
    taken = [cells(**panel["gridPos"]) for panel in DASHBOARD["panels"]]
    lines = {line for each in taken for _, line in each}
    assert set().union(*taken) == cells(0, 0, 24, len(lines))
    assert sum(map(len, taken)) == 24 * len(lines)


def leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{path}/{name}")
    else:
        yield f"{path}: {value!r}"


def test_grafanas_own_types_know_all_of_the_dashboard(python_with: Callable[..., Path]) -> None:
    python = python_with("grafana-foundation-sdk==0.0.21")
    read = subprocess.run([python, "-c", READ], input=FILE.read_text(), capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    assert set(leaves(DASHBOARD)) - set(leaves(json.loads(read.stdout))) == set()
