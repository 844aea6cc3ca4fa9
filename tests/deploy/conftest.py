"""The real Prometheus, as deploy/ sets it up, and a real service that it scrapes."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from service.settings import DEFAULT_MODELS
from tests.conftest import ROOT, SEVEN, Server, copy_version, png, serving, wait_until
from tests.service.test_metrics import Scrape
from training.data.datasets import Dataset

DEPLOYED = ROOT / "deploy" / "prometheus"

Labels = dict[str, set[str]]  # of each metric


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def selected(expressions: str) -> list[tuple[str, set[str]]]:
    """List the service's metrics that are read, each with the labels that are named beside it."""
    found = re.findall(r"(?<![\w:])(mnist_\w+)(?![\w:])(?:\{(.*?)\})?", expressions)
    return [(name, set(re.findall(r"(\w+)=", labels)) - {"job", "instance"}) for name, labels in found]


@pytest.fixture(scope="session")
def promtool() -> Callable[..., None]:
    if not shutil.which("promtool"):
        pytest.skip("there is no promtool: Debian's package prometheus has it")

    def promtool(*arguments: object) -> None:
        ran = subprocess.run(["promtool", *map(str, arguments)], cwd=DEPLOYED, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    return promtool


@pytest.fixture(scope="session")
def exposed(shipped: Path, mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Labels:
    """All metrics of a service that has read pictures and has refused a damaged version, with their labels."""
    models = Path(shutil.copytree(DEFAULT_MODELS, tmp_path_factory.mktemp("damaged") / "models"))
    (copy_version(shipped, models) / "saved_model.pb").write_text("damaged")
    with serving("--models", str(models)) as server:
        send_pictures(server, mnist)
        wait_until(lambda: Scrape(server).sum("mnist_version_refused", version="9") > 0)
        return {each.name: set(each.labels) for each in Scrape(server).samples}


def send_pictures(server: Server, mnist: Dataset) -> None:
    """Send a picture to read whole, a hundred digits, what is no picture, and a wrong path."""
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
        """Give all values of all series since the start."""
        found = self.get("query_range", query=expression, start=self.started, end=time.time(), step=0.5)
        return [float(value) for series in found["result"] for _, value in series["values"]]

    def rules(self) -> list[Any]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]


@pytest.fixture(scope="session")
def prometheus(
    promtool: Callable[..., None], mnist: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus after a week of a service that was sent pictures before the first scrape and after it."""
    folder = tmp_path_factory.mktemp("prometheus")
    with serving("--workers", "2") as server:
        send_pictures(server, mnist)
        address = f"127.0.0.1:{server.port}"
        write_week(folder / "week", Scrape(server), address)
        promtool(
            "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=500h", folder / "week", folder / "data"
        )
        configure(folder, address)
        with running(folder) as prometheus:
            wait_until(lambda: 1 in prometheus.values("up"))
            send_pictures(server, mnist)
            wait_until(lambda: max(prometheus.values("increase(mnist_batch_pictures_sum[1m])"), default=0) > 0)
            wait_until(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()))
            yield prometheus


def write_week(file: Path, scrape: Scrape, instance: str) -> None:
    """Write eight days, each hour of which was as this scrape, of what is compared with the week before."""
    samples = [each for each in scrape.samples if each.name.startswith(("mnist_predicted_digits", "mnist_confidence"))]
    hours, now = 8 * 24, time.time()
    with file.open("w") as lines:
        for sample in samples:
            labels = {"job": "mnist", "instance": instance, **sample.labels}
            series = sample.name + "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
            lines.writelines(f"{series} {sample.value * hour} {now - (hours - hour) * 3600}\n" for hour in range(hours))
        lines.write("# EOF\n")


def configure(folder: Path, address: str) -> None:
    """Copy what is deployed, changed in where the service is and how often it is looked at, and in nothing else."""
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
