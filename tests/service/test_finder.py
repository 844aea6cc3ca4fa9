"""The finder: which file is loaded, what stops the start, and when the log warns of another finder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service import checksums
from service.errors import ModelError, NoDigit
from service.models import store
from service.models.store import CARD
from service.preparation import finder as finders
from service.preparation.decode import decode
from service.preparation.finder import Finder
from service.preparation.segmentation import measure_clearness
from service.settings import DEFAULT_MODELS
from tests.support.canvases import Drawn, draw, find_box
from tests.support.models import copy_version
from tests.support.paths import ROOT, SEVEN
from tests.support.server import clean_environment, serving
from tests.support.wait import wait_until
from training.data.datasets import Dataset
from training.synthetic.photos import draw_photo, light_around_phone

SHIPPED = DEFAULT_MODELS / finders.FOLDER
NOTHING = np.full((50, 50), 255, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a copy of the shipped finder."""
    return Path(shutil.copytree(SHIPPED, tmp_path / finders.FOLDER))


def write_card(folder: Path) -> str:
    """Rewrite the card of a finder, and return the checksum of its network."""
    checksum = checksums.sha256(folder / finders.NETWORK)
    (folder / finders.CARD).write_text(json.dumps({"files": {finders.NETWORK: checksum}, "seed": 0, "metrics": {}}))
    return checksum


def test_the_shipped_finder_is_as_its_card_records_it() -> None:
    assert finders.NETWORK in finders.verify(DEFAULT_MODELS).files
    assert finders.load(DEFAULT_MODELS).checksum == checksums.sha256(SHIPPED / finders.NETWORK)


def test_the_finder_of_the_models_folder_is_loaded_or_else_the_shipped_finder(folder: Path, tmp_path: Path) -> None:
    content = (folder / finders.NETWORK).read_bytes()
    (folder / finders.NETWORK).write_bytes(content + b"\0" * 16)  # LiteRT reads no further than it must
    checksum = write_card(folder)
    assert finders.load(tmp_path).checksum == checksum != finders.load(DEFAULT_MODELS).checksum
    (folder / finders.CARD).unlink()  # without a card, nothing is checked
    assert finders.find_folder(tmp_path) == folder
    finders.load(tmp_path)
    shutil.rmtree(folder)
    assert finders.find_folder(tmp_path) == SHIPPED
    assert finders.load(tmp_path).checksum == finders.load(DEFAULT_MODELS).checksum


def test_the_finder_is_no_version_and_no_model(folder: Path, shipped: Path, tmp_path: Path) -> None:
    copy_version(shipped, tmp_path)
    assert list(store.find_versions(tmp_path / store.NAME)) == [9]
    with serving("--workers", "1", "--models", str(tmp_path)) as server:
        assert [model["name"] for model in server.ask("POST", "/v2/repository/index")[1]] == ["mnist"]
        assert server.ask("GET", "/v2/models/finder")[0] == 404
        assert server.post(SEVEN.read_bytes())[1]["model"] == {"name": "mnist", "version": "9"}


def damage(folder: Path, how: str) -> None:
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
        write_card(folder)
    else:
        shutil.copy(DEFAULT_MODELS / "mnist" / "2" / "assets.extra" / "model.tflite", network)
        write_card(folder)


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
def test_a_damaged_finder_stops_the_start_with_a_sentence(
    folder: Path, shipped: Path, tmp_path: Path, how: str, sentence: str
) -> None:
    copy_version(shipped, tmp_path)
    damage(folder, how)
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
def test_the_log_warns_of_a_version_that_was_measured_with_another_finder(
    shipped: Path, finder: Finder, tmp_path: Path, checksum: str
) -> None:
    card = {"": {}, "shipped": {"finder": finder.checksum}, "other": {"finder": "0" * 64}}[checksum]
    version = copy_version(shipped, tmp_path, **card)
    assert json.loads((version / CARD).read_text()).get("finder", "") == card.get("finder", "")
    with serving("--workers", "1", "--models", str(tmp_path)) as server:
        wait_until(lambda: any("Version 9 is served by litert." in line for line in server.log))
        assert server.post(SEVEN.read_bytes())[0] == 200
    warnings = [line for line in server.log if "WARNING" in line]
    assert len(warnings) == (checksum == "other")
    assert all("Version 9 was measured with another finder than the one that is loaded" in line for line in warnings)


@pytest.mark.parametrize(
    ("shape", "left", "top", "height"),
    [((400, 300), 90, 150, 180), ((480, 640), 400, 60, 90), ((60, 48), 12, 10, 35), ((900, 700), 20, 30, 500)],
)
def test_ink_is_found_where_it_is(
    mnist: Dataset, finder: Finder, shape: tuple[int, int], left: int, top: int, height: int
) -> None:
    for digit in mnist.x_test[:10]:
        canvas = draw(shape, Drawn(digit, left, top, height))
        located = finder.find(canvas)
        assert located.ink.dtype == np.float32
        assert 0 <= located.ink.min() <= located.ink.max() <= 1
        assert np.abs(np.subtract(located.box, find_box(canvas))).max() < 1 + 0.06 * height
        assert located.ink.shape[0] / located.ink.shape[1] == pytest.approx(located.box[3] / located.box[2], rel=0.01)
        assert located.rivals == 0


def test_the_larger_digit_is_found_and_digits_of_its_size_are_rivals(mnist: Dataset, finder: Finder) -> None:
    shape, large = (400, 400), Drawn(mnist.x_test[0], 200, 180, 120)
    for height, rivals in ((30, 0), (110, 1)):
        canvas = draw(shape, large, Drawn(mnist.x_test[1], 30, 30, height))
        located = finder.find(canvas)
        assert np.abs(np.subtract(located.box, find_box(draw(shape, large)))).max() < 8
        assert located.rivals == rivals


def test_where_there_is_no_ink_there_is_no_digit(finder: Finder) -> None:
    with pytest.raises(NoDigit):
        finder.find(NOTHING)


def test_an_unclear_digit_is_looked_at_again(mnist: Dataset, finder: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    files = [draw_photo(digit, rng, light=light_around_phone) for digit in mnist.x_test[:60]]
    images = [decode(file, 10**6, 1) for file in files]
    clearness = [measure_clearness(finder.find(image).ink) for image in images]
    monkeypatch.setattr(finders, "SECOND_LOOK_RATIOS", ())
    once = [measure_clearness(finder.find(image).ink) for image in images]
    assert all(now >= before for now, before in zip(clearness, once, strict=True))
    changed = [before for now, before in zip(clearness, once, strict=True) if now > before]
    assert changed
    assert max(changed) < finders.MIN_CLEAR_INK
