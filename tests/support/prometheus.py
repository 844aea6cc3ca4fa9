"""The real Prometheus, as deploy/ sets it up."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.support.images import png
from tests.support.paths import ROOT, SEVEN
from tests.support.scrape import Scrape
from tests.support.server import Server
from tests.support.wait import wait_until
from training.data.datasets import Dataset

DEPLOYED = ROOT / "deploy" / "prometheus"

Labels = dict[str, set[str]]  # of each metric


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def selected(expressions: str) -> list[tuple[str, set[str]]]:
    """List the service's metrics that are read, each with the labels that are named beside it."""
    found = re.findall(r"(?<![\w:])(mnist_\w+)(?![\w:])(?:\{(.*?)\})?", expressions)
    return [(name, set(re.findall(r"(\w+)=", labels)) - {"job", "instance"}) for name, labels in found]


def send_images(server: Server, mnist: Dataset) -> None:
    """Send an image to `/read`, a hundred digits, a file that is no image, and a wrong path."""
    assert server.post(SEVEN.read_bytes(), "/read")[0] == 200
    for image in mnist.x_test[:100]:
        assert server.post(png(image))[0] == 200
    assert server.post(b"no picture")[0] == 415
    assert server.ask("GET", "/nothing")[0] == 404


@dataclass
class Prometheus:
    """A running Prometheus: where it listens, and since when."""

    port: int
    started: float = field(default_factory=time.time)

    def get(self, path: str, **parameters: object) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/api/v1/{path}?{urlencode(parameters)}")
        answer = json.loads(connection.getresponse().read())
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expression: str) -> list[float]:
        """Return all values of all series since the start."""
        found = self.get("query_range", query=expression, start=self.started, end=time.time(), step=0.5)
        return [float(value) for series in found["result"] for _, value in series["values"]]

    def rules(self) -> list[Any]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]


def write_week(file: Path, scrape: Scrape, instance: str) -> None:
    """Write eight days of the metrics that are compared with the week before; in each hour they rise by this scrape."""
    samples = [each for each in scrape.samples if each.name.startswith(("mnist_predicted_digits", "mnist_confidence"))]
    hours, now = 8 * 24, time.time()
    with file.open("w") as lines:
        for sample in samples:
            labels = {"job": "mnist", "instance": instance, **sample.labels}
            series = sample.name + "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
            lines.writelines(f"{series} {sample.value * hour} {now - (hours - hour) * 3600}\n" for hour in range(hours))
        lines.write("# EOF\n")


def configure(folder: Path, address: str) -> None:
    """Copy the deployed files, and change only the address of the service and the intervals."""
    settings, rules = read(DEPLOYED / "prometheus.yml"), read(DEPLOYED / "alerts.yml")
    settings["global"] = dict.fromkeys(settings["global"], "250ms")
    for scrape in settings["scrape_configs"]:
        del scrape["dns_sd_configs"]
        scrape["static_configs"] = [{"targets": [address]}]
    for group in rules["groups"]:
        group.pop("interval", None)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    (folder / "alerts.yml").write_text(yaml.safe_dump(rules))


@contextmanager
def running(folder: Path) -> Iterator[Prometheus]:
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen([*command, "--web.listen-address=127.0.0.1:0"], stderr=output, stdout=output)
    try:
        wait_until(lambda: "Server is ready" in log.read_text() or process.poll() is not None)
        listening = re.search(r"Listening on.* address=127\.0\.0\.1:(\d+)", log.read_text())
        assert listening, log.read_text()
        yield Prometheus(int(listening[1]))
    finally:
        process.terminate()
        process.wait(60)
