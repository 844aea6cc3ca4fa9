"""The real Prometheus, as deploy/ sets it up, and a real service that it scrapes."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.settings import DEFAULT_MODELS
from tests.support.models import copy_version
from tests.support.prometheus import DEPLOYED, Labels, Prometheus, configure, running, send_images, write_week
from tests.support.scrape import Scrape
from tests.support.server import serving
from tests.support.wait import wait_until
from training.data.datasets import Dataset


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
    with serving("--models", str(models), "--feedback", str(models.with_name("corrections"))) as server:
        send_images(server, mnist)
        wait_until(lambda: Scrape(server).sum("mnist_version_refused", version="9") > 0)
        return {each.name: set(each.labels) for each in Scrape(server).samples}


@pytest.fixture(scope="session")
def prometheus(
    promtool: Callable[..., None], mnist: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus after a week of a service that was sent pictures before the first scrape and after it."""
    folder = tmp_path_factory.mktemp("prometheus")
    with serving("--workers", "2", "--feedback", str(folder / "corrections")) as server:
        send_images(server, mnist)
        address = f"127.0.0.1:{server.port}"
        write_week(folder / "week", Scrape(server), address)
        promtool(
            "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=500h", folder / "week", folder / "data"
        )
        configure(folder, address)
        with running(folder) as prometheus:
            wait_until(lambda: 1 in prometheus.values("up"))
            send_images(server, mnist)
            wait_until(lambda: max(prometheus.values("increase(mnist_batch_pictures_sum[1m])"), default=0) > 0)
            wait_until(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()))
            yield prometheus
