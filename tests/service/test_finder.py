"""The finder: which one is loaded, what stops the start, what is told of versions that were measured with another."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service import checksums
from service.errors import ModelError, NoDigit
from service.models import store
from service.models.store import CARD
from service.preparation import finder as finders
from service.preparation.finder import Finder
from service.settings import DEFAULT_MODELS
from tests.conftest import ROOT, SEVEN, clean_environment, copy_version, serving, wait_until
from training.data.datasets import Dataset
from training.synthetic.rendering import trace

SHIPPED = DEFAULT_MODELS / finders.FOLDER
NOTHING = np.full((50, 50), 255, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a finder of one's own."""
    return Path(shutil.copytree(SHIPPED, tmp_path / finders.FOLDER))


def record(folder: Path) -> str:
    """Write the card of a finder anew, and return its checksum."""
    checksum = checksums.sha256(folder / finders.NETWORK)
    (folder / finders.CARD).write_text(json.dumps({"files": {finders.NETWORK: checksum}, "seed": 0, "metrics": {}}))
    return checksum


def test_the_shipped_one_is_as_its_card_records_it() -> None:
    assert finders.NETWORK in finders.verify(DEFAULT_MODELS).files
    assert finders.load(DEFAULT_MODELS).checksum == checksums.sha256(SHIPPED / finders.NETWORK)


def test_one_in_the_models_folder_is_loaded_and_else_the_shipped_one(folder: Path, tmp_path: Path) -> None:
    content = (folder / finders.NETWORK).read_bytes()
    (folder / finders.NETWORK).write_bytes(content + b"\0" * 16)  # LiteRT reads no further than it must
    checksum = record(folder)
    assert finders.load(tmp_path).checksum == checksum != finders.load(DEFAULT_MODELS).checksum
    (folder / finders.CARD).unlink()  # one without a card can't be checked
    assert finders.home(tmp_path) == folder
    finders.load(tmp_path)
    shutil.rmtree(folder)
    assert finders.home(tmp_path) == SHIPPED
    assert finders.load(tmp_path).checksum == finders.load(DEFAULT_MODELS).checksum


def test_it_is_no_version_and_no_model(folder: Path, shipped: Path, tmp_path: Path) -> None:
    copy_version(shipped, tmp_path)
    assert list(store.find(tmp_path / store.NAME)) == [9]
    with serving("--workers", "1", "--models", str(tmp_path)) as server:
        assert [each["name"] for each in server.ask("POST", "/v2/repository/index")[1]] == ["mnist"]
        assert server.ask("GET", "/v2/models/finder")[0] == 404
        assert server.post(SEVEN.read_bytes())[1]["model"] == {"name": "mnist", "version": "9"}


def spoil(folder: Path, how: str) -> None:
    network, card = folder / finders.NETWORK, folder / finders.CARD
    if how == "changed":
        content = network.read_bytes()
        network.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
    elif how == "incomplete":
        card.write_text(json.dumps({"files": {**json.loads(card.read_text())["files"], "report/curves.html": "0"}}))
    elif how == "no card":
        card.write_text("{")
    elif how == "unreadable":
        network.write_bytes(network.read_bytes()[:1000])
        record(folder)
    else:
        shutil.copy(DEFAULT_MODELS / "mnist" / "2" / "assets.extra" / "model.tflite", network)
        record(folder)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("changed", "is damaged: model.tflite is not as its model card records it."),
        ("incomplete", "is not complete: report/curves.html is missing."),
        ("no card", "model.json is wrong: "),
        ("unreadable", "LiteRT can't read the finder "),
        ("a classifier", "model.tflite is no finder: it has no output of the shape (128, 128)."),
    ],
)
def test_a_damaged_one_stops_the_start_with_a_sentence(
    folder: Path, shipped: Path, tmp_path: Path, how: str, sentence: str
) -> None:
    copy_version(shipped, tmp_path)
    spoil(folder, how)
    with pytest.raises(ModelError) as error:
        finders.load(tmp_path)
    assert sentence in str(error.value)
    for command in (
        ["service", "--port", "0", "--workers", "1"],
        ["gunicorn", "--no-control-socket", "-b", "127.0.0.1:0", "service:create_app()"],
        ["service", "predict", str(SEVEN)],
    ):
        result = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, env=clean_environment() | {"MNIST_MODELS": str(tmp_path)},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert result.returncode != 0
        assert sentence in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("checksum", ["", "shipped", "other"])
def test_the_log_warns_of_a_version_that_was_measured_with_another(
    shipped: Path, finder: Finder, tmp_path: Path, checksum: str
) -> None:
    known = {"": {}, "shipped": {"finder": finder.checksum}, "other": {"finder": "0" * 64}}[checksum]
    version = copy_version(shipped, tmp_path, **known)
    assert json.loads((version / CARD).read_text()).get("finder", "") == known.get("finder", "")
    with serving("--workers", "1", "--models", str(tmp_path)) as server:
        wait_until(lambda: any("Version 9 is served by litert." in line for line in server.log))
        assert server.post(SEVEN.read_bytes())[0] == 200
    warnings = [line for line in server.log if "WARNING" in line]
    assert len(warnings) == (checksum == "other")
    assert all("Version 9 was measured with another finder than the one that is loaded" in line for line in warnings)


def write(digit: NDArray[np.uint8], shape: tuple[int, int], left: int, top: int, height: int) -> NDArray[np.uint8]:
    ink = trace(digit, height)
    page = np.full(shape, 240, np.uint8)
    page[top : top + ink.shape[0], left : left + ink.shape[1]] -= np.rint(200 * ink).astype(np.uint8)
    return page


@pytest.mark.parametrize(
    ("shape", "left", "top", "height"),
    [((400, 300), 90, 150, 180), ((480, 640), 400, 60, 90), ((60, 48), 12, 10, 35), ((900, 700), 20, 30, 500)],
)
def test_ink_is_found_where_it_is(
    mnist: Dataset, finder: Finder, shape: tuple[int, int], left: int, top: int, height: int
) -> None:
    for digit in mnist.x_test[:10]:
        page = write(digit, shape, left, top, height)
        found = finder.find(page)
        assert found.ink.dtype == np.float32
        assert 0 <= found.ink.min() <= found.ink.max() <= 1
        rows, columns = (np.flatnonzero((page < 140).any(axis=axis)) for axis in (1, 0))
        edges = (columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0])
        assert np.abs(np.subtract(found.box, edges)).max() < 1 + 0.06 * height
        assert found.ink.shape[0] / found.ink.shape[1] == pytest.approx(found.box[3] / found.box[2], rel=0.01)


def test_where_there_is_no_ink_there_is_no_digit(finder: Finder) -> None:
    with pytest.raises(NoDigit):
        finder.find(NOTHING)
