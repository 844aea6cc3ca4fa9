"""The metrics: exact over all worker processes, and bounded whatever clients send."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import numpy as np
import pytest

from service.app import create_app
from service.errors import ServiceError
from service.observability.multiprocess_metrics import MEMORY_FOLDER
from service.settings import Settings
from tests.support.images import multipart, png
from tests.support.models import copy_two_versions
from tests.support.paths import ROOT, SEVEN
from tests.support.scrape import Counts, Scrape
from tests.support.server import Server, clean_environment, serving, workers
from tests.support.wait import wait_until
from tests.support.written_numbers import draw, say, write
from training.data.datasets import Dataset

DIGIT = SEVEN.read_bytes()

TEMPORARY = tuple(map(Path, (MEMORY_FOLDER, "/tmp", "/var/tmp", "/usr/tmp")))  # noqa: S108


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_two_versions(tmp_path_factory.mktemp("metrics") / "models")


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[Server]:
    with serving("--workers", "2", "--models", str(models), "--max-bytes", "1000000") as server:
        wait_until(lambda: count_available(server) == 4)  # two versions in each of two
        yield server


def count_available(server: Server) -> float:
    return Scrape(server).sum("mnist_version_state", state="AVAILABLE")


def codes(error: type[ServiceError]) -> set[str]:
    return {error.code}.union(*map(codes, error.__subclasses__()))


def shared_folder(process: int) -> Path:
    """Return the folder of a worker process's counts. The process maps the files in it."""
    (folder,) = {line.split()[-1].rpartition("/")[0] for line in maps(process) if "mnist-metrics-" in line}
    return Path(folder)


def maps(process: int) -> list[str]:
    return Path(f"/proc/{process}/maps").read_text().splitlines()


def post_all(connection: HTTPConnection, count: int) -> None:
    for _ in range(count):
        connection.request("POST", "/predict", DIGIT, {"Content-Type": "image/png"})
        assert connection.getresponse().read().startswith(b'{"digit":7')


def post_over_connections(server: Server, count: int) -> None:
    """Post an image over ten connections at once, which the workers share."""
    connections = [server.connect() for _ in range(10)]
    with ThreadPoolExecutor(len(connections)) as pool:
        list(pool.map(lambda connection: post_all(connection, count // len(connections)), connections))


def kill(server: Server, process: int) -> None:
    os.kill(process, 9)
    wait_until(lambda: process not in workers(server) and len(workers(server)) == 2)
    wait_until(lambda: count_available(server) == 4)


def test_counts_over_both_workers_add_up(server: Server) -> None:
    before = Scrape(server)
    post_over_connections(server, 200)
    lines = [line for line in server.log if "route=/predict " in line]
    assert len({line.split("[")[1] for line in lines}) == 2, "only one worker was asked"
    after = Scrape(server)
    for name, labels in [
        ("mnist_requests_total", {"route": "/predict", "status": "200"}),
        ("mnist_predicted_digits_total", {"version": "2", "digit": "7"}),
        ("mnist_confidence_count", {"version": "2"}),
        ("mnist_batch_pictures_sum", {}),
        ("mnist_version_requests_total", {"version": "2", "outcome": "success"}),
        *(("mnist_stage_seconds_count", {"stage": stage}) for stage in ("decode", "prepare", "whole")),
    ]:
        assert after.sum(name, **labels) - before.sum(name, **labels) == 200, name
    calls = [
        after.sum(name, **labels) - before.sum(name, **labels)
        for name, labels in [
            ("mnist_version_calls_total", {"version": "2"}),
            ("mnist_stage_seconds_count", {"stage": "predict"}),
            ("mnist_batch_pictures_count", {}),
        ]
    ]
    assert calls == [calls[0]] * 3
    assert 0 < calls[0] <= 200  # those that came together were predicted together


def test_digits_and_confidences_are_those_that_were_answered(server: Server, mnist: Dataset) -> None:
    before = Scrape(server)
    body = multipart(*((f"{place}.png", png(image)) for place, image in enumerate(mnist.x_test[:100])))
    predictions = server.ask("POST", "/predict/batch", *body)[1]["predictions"]
    after = Scrape(server)
    for digit in map(str, range(10)):
        labels = {"digit": digit, "version": "2"}
        count = sum(str(prediction["digit"]) == digit for prediction in predictions)
        assert after.sum("mnist_predicted_digits_total", **labels) - before.sum(
            "mnist_predicted_digits_total", **labels
        ) == count  # fmt: skip
    for bound in ("0.9", "0.999", "1.0"):
        below = sum(prediction["confidence"] <= float(bound) for prediction in predictions)
        assert after.sum("mnist_confidence_bucket", le=bound) - before.sum("mnist_confidence_bucket", le=bound) == below
    assert after.sum("mnist_batch_pictures_sum") - before.sum("mnist_batch_pictures_sum") == 100


def test_digits_of_readings_are_counted(server: Server, mnist: Dataset) -> None:
    number = png(draw(write(say(mnist, "42"), np.random.default_rng(0)))[0])
    before, body = Scrape(server), multipart(("42.png", number), ("7.png", DIGIT), ("bad.png", b"no picture"))
    assert server.ask("POST", "/read/batch", *body)[0] == 200
    after = Scrape(server)
    for name, labels, count in [
        ("mnist_requests_total", {"route": "/read/batch", "status": "200"}, 1),
        ("mnist_picture_digits_count", {}, 2),
        ("mnist_picture_digits_sum", {}, 3),
        ("mnist_picture_digits_bucket", {"le": "1.0"}, 1),
        *(("mnist_predicted_digits_total", {"version": "2", "digit": digit}, 1) for digit in "427"),
        ("mnist_confidence_count", {"version": "2"}, 3),
        ("mnist_version_calls_total", {"version": "2"}, 2),
        ("mnist_stage_seconds_count", {"stage": "predict"}, 2),
        ("mnist_stage_seconds_count", {"stage": "decode"}, 3),
        ("mnist_refused_total", {"code": "unreadable_image"}, 1),
    ]:  # fmt: skip
        assert after.sum(name, **labels) - before.sum(name, **labels) == count, name
    assert after.sum("mnist_pictures_in_flight") == 0


def test_an_image_rejected_for_several_digits_is_not_counted_as_a_prediction(server: Server, mnist: Dataset) -> None:
    number = png(draw(write(say(mnist, "42"), np.random.default_rng(0)))[0])
    before = Scrape(server)
    assert server.post(number)[1]["code"] == "several_digits"
    after = Scrape(server)
    rejected = [scrape.sum("mnist_refused_total", code="several_digits") for scrape in (before, after)]
    assert rejected[1] - rejected[0] == 1
    assert after.sum("mnist_predicted_digits_total") == before.sum("mnist_predicted_digits_total")


def test_labels_stay_bounded_whatever_is_sent(server: Server) -> None:
    for path in (
        "/secret",
        "/predict/../secret",
        "/static/secret.js",
        "/%73ecret%0A%FF",
        "//secret",
        "/static/page.js",
    ):
        connection = server.connect()
        connection.request("GET", path)
        connection.getresponse().read()
    for path in ("secret", "mnist/versions/99", "mnist/versions/secret", "mnist/labels/secret"):
        for protocol in ("v1", "v2"):
            assert server.ask("GET", f"/{protocol}/models/{path}")[0] in (400, 404)
    for method, status in (("BREW", 400), ("DELETE", 405), ("SECRET", 400)):
        assert server.ask(method, "/predict")[0] == status
    server.post(DIGIT, "/predict?prepare=secret")
    server.post(b"no picture", kind="image/secret")
    scrape = Scrape(server)
    assert "secret" not in scrape.text.lower()
    rules = {rule.rule for rule in create_app(Settings()).url_map.iter_rules()}
    assert {"none", "/static/<path:filename>"} <= scrape.values("route") <= {"none", *rules}
    assert scrape.values("digit") <= set("0123456789")
    assert scrape.values("version") == {"1", "2"}
    assert {"malformed_request", "unreadable_image", "model_not_found"} <= scrape.values("code")
    assert scrape.values("code") <= {"method_not_allowed"} | codes(ServiceError)


def test_rejections_are_counted_by_code_and_no_image_stays_in_flight(server: Server) -> None:
    before = Scrape(server)
    for content, kind in ((b"", "image/png"), (b"GIF89a", "image/gif"), (bytes(1000001), "image/png"), (b"{", "a/b")):
        assert server.post(content, kind=kind)[0] >= 400
    body = multipart(("a.png", DIGIT), ("b.png", b"no picture"), ("c.png", b""))
    assert server.ask("POST", "/predict/batch", *body)[0] == 200
    after = Scrape(server)
    for code, count in (("no_image", 1), ("unreadable_image", 2), ("too_large", 1), ("unsupported_media_type", 1),
                        ("empty_image", 1)):  # fmt: skip
        assert after.sum("mnist_refused_total", code=code) - before.sum("mnist_refused_total", code=code) == count, code
    assert after.sum("mnist_pictures_in_flight") == 0


def test_images_in_flight_are_counted(server: Server) -> None:
    body = multipart(*[("a.png", DIGIT)] * 900)
    gauges: set[float] = set()
    with ThreadPoolExecutor(1) as pool:
        while not max(gauges, default=0):
            request = pool.submit(server.ask, "POST", "/predict/batch", *body)
            while not request.done():
                gauges.add(Scrape(server).sum("mnist_pictures_in_flight"))
            assert request.result()[0] == 200
    assert 0 < max(gauges) <= 900
    assert Scrape(server).sum("mnist_pictures_in_flight") == 0


def test_killed_workers_lose_no_counts_and_their_gauges_vanish(server: Server) -> None:
    folder = shared_folder(workers(server)[0])
    for process in workers(server):
        before = Scrape(server)
        kill(server, process)
        after = Scrape(server)
        assert after.counts() == before.counts()
        for state in ("START", "LOADING", "AVAILABLE", "END"):
            assert after.sum("mnist_version_state", state=state) == 4 * (state == "AVAILABLE")
    owners = {file.stem.rpartition("_")[2] for file in folder.glob("*.db")}
    assert owners == {"0", *map(str, workers(server))}
    assert {file.name for file in folder.glob("*_0.db")} == {"counter_0.db", "histogram_0.db"}


def test_counters_never_go_down_while_a_worker_dies(server: Server) -> None:
    process = workers(server)[0]
    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill, server, process)
        highest: Counts = {}
        while not killing.done():
            try:
                scrape = Scrape(server)
            except (OSError, HTTPException):  # the killed worker had accepted the request
                continue
            counts = scrape.counts()
            assert all(counts.get(name, 0) >= value for name, value in highest.items())
            highest.update(counts)
            assert scrape.sum("mnist_version_state", state="AVAILABLE") <= 4
            assert scrape.sum("mnist_version_loaded") <= 4
        killing.result()


def test_a_scrape_waits_while_counts_are_added_to_others(server: Server) -> None:
    with open(shared_folder(workers(server)[0]) / "lock") as file, ThreadPoolExecutor(1) as pool:
        fcntl.flock(file, fcntl.LOCK_EX)
        scraping = pool.submit(Scrape, server)
        time.sleep(0.3)
        assert not scraping.done()
        fcntl.flock(file, fcntl.LOCK_UN)
        assert scraping.result(10).sum("mnist_version_loaded") > 0


def test_counts_that_cannot_be_read_end_neither_the_service_nor_the_metrics(server: Server) -> None:
    process = workers(server)[0]
    file = shared_folder(process) / f"counter_{process}.db"
    file.unlink()
    file.write_bytes(b"damaged" * 1000)
    os.kill(process, 9)
    wait_until(lambda: any(f"The counts of process {process} are lost." in line for line in server.log))
    wait_until(lambda: len(workers(server)) == 2 and process not in workers(server))
    assert Scrape(server).sum("mnist_requests_total") > 0
    assert server.post(DIGIT)[0] == 200


def test_a_rejected_version_is_shown_and_a_deleted_version_is_not(server: Server, models: Path) -> None:
    wait_until(lambda: Scrape(server).sum("mnist_version_state", version="1", state="AVAILABLE") == 2)
    (models / "mnist" / "1" / "saved_model.pb").write_bytes(b"")
    wait_until(lambda: Scrape(server).sum("mnist_version_refused", version="1") == 2)
    assert Scrape(server).sum("mnist_version_refused") == 2
    shutil.rmtree(models / "mnist" / "1")
    wait_until(lambda: Scrape(server).values("version") == {"2"})


def test_the_folder_of_counts_is_gone_after_the_stop(server: Server) -> None:
    folder = shared_folder(workers(server)[0])
    assert folder.is_dir()
    assert server.stop() == 0
    assert not folder.exists()


def test_a_failed_start_leaves_no_folder_and_touches_no_other(tmp_path: Path) -> None:
    program = "import os; from service.server import gunicorn_conf; print(os.environ['PROMETHEUS_MULTIPROC_DIR'])"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True,
        env=clean_environment() | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
    )  # fmt: skip
    folder = Path(result.stdout.strip())
    assert folder.name.startswith("mnist-metrics-")
    assert not folder.exists()
    assert tmp_path.is_dir()


@contextmanager
def serving_with(memory: str, temporary: str = "") -> Iterator[Server]:
    """Serve with /dev/shm mounted with the options `memory`, and temporary files in the folder `temporary`."""
    space = (
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        f'mount -t tmpfs -o {memory} x {MEMORY_FOLDER} && exec "$@"',
    )
    if subprocess.run([*space, "sh", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine mounts no tmpfs for us")
    program = (sys.executable, "-m", "service", "--port", "0", "--workers", "2")
    command = ("-c", "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])", *space, "sh", *program)
    with serving(command=command, TMPDIR=temporary) as server:
        wait_until(lambda: len(workers(server)) == 2)
        yield server


def count_lines(server: Server, text: str) -> int:
    return sum(text in line for line in server.log)


def fill(folder: Path) -> None:
    with open(folder / "ballast", "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))


@pytest.mark.parametrize("memory", ["size=64k", "ro"])
def test_without_space_in_memory_counts_are_in_another_folder(memory: str) -> None:
    with serving_with(memory) as server:
        before = workers(server)
        post_all(server.connect(), 20)
        assert Scrape(server).sum("mnist_requests_total", route="/predict") == 20
        assert workers(server) == before
        assert shared_folder(before[0]).parent != Path(MEMORY_FOLDER)
    assert count_lines(server, f"{MEMORY_FOLDER} is read-only or too small for metrics: they are in ") == 1


def test_without_space_in_any_folder_each_process_counts_by_itself() -> None:
    with serving_with("size=64k", temporary=MEMORY_FOLDER) as server:
        before = workers(server)
        for _ in range(20):
            assert server.post(DIGIT)[0] == 200
        assert 0 <= Scrape(server).sum("mnist_requests_total", route="/predict") <= 20
        assert workers(server) == before
    assert count_lines(server, "No folder has space for metrics") == 1


def test_a_worker_that_finds_no_space_any_more_serves_and_says_so_once() -> None:
    with serving_with("size=2m") as server:
        old = workers(server)
        fill(Path(f"/proc/{server.process.pid}/root{MEMORY_FOLDER}"))
        os.kill(old[0], 9)
        wait_until(lambda: len(set(workers(server)) - {old[0]}) == 2)
        (new,) = set(workers(server)) - set(old)
        wait_until(lambda: count_lines(server, f"[{new}] [INFO] Version 3 is served"))
        requests = 0
        while not count_lines(server, f"There is no space for the counts of process {new}"):
            assert requests < 4000, "only the other worker was asked"
            post_over_connections(server, 40)
            requests += 40
        assert Scrape(server).sum("mnist_requests_total", route="/predict") <= requests
        assert set(workers(server)) == {old[1], new}
    assert count_lines(server, f"There is no space for the counts of process {new}") == 1


def test_no_folder_at_all_stops_the_start_with_a_sentence() -> None:
    if any(folder in (ROOT, *ROOT.parents) for folder in TEMPORARY):
        pytest.skip("this project is in a folder that has to be hidden here")
    mounts = " && ".join(f"mount -t tmpfs -o ro x {folder}" for folder in TEMPORARY if folder.is_dir())
    command = f"{mounts} && cd /proc && exec {sys.executable} -m service --port 0"
    environment = {name: value for name, value in clean_environment().items() if name not in ("TMPDIR", "TEMP", "TMP")}
    result = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command], capture_output=True, text=True, timeout=60,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if "unshare" in result.stderr or "mount" in result.stderr:
        pytest.skip(f"this machine mounts no tmpfs for us: {result.stderr}")
    assert result.returncode == 1
    assert result.stderr == "Error: there is no folder for temporary files: make /dev/shm or /tmp writable.\n"


def test_under_another_server_a_process_shows_its_own_metrics() -> None:
    client = create_app(Settings()).test_client()
    assert client.get("/livez").status_code == 200
    assert 'mnist_requests_total{route="/livez",status="200"}' in client.get("/metrics").text
