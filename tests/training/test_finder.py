"""The command `finder`: interrupted and resumed, refused and forced; and the scenes that a finder is fitted to."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from service import checksums
from service.models.loading import load_default
from service.preparation import finder as finders
from service.preparation.finder import Finder
from service.settings import DEFAULT_MODELS, Settings
from tests.support.report_page import Page
from tests.support.training import run_training, start_training
from tests.support.wait import wait_until
from training import export, promotion
from training.data.datasets import HELD_OUT, Dataset
from training.errors import DataError
from training.finder import evaluate
from training.finder.fit import FinderRecipe, fit
from training.synthetic import scenes
from training.synthetic.conditions import CONDITIONS
from training.synthetic.glyphs import GlyphSource

pytestmark = pytest.mark.slow

QUICK = ("finder", "--scenes", 100, "--epochs", 3, "--batch-size", 32, "--width", 0.3, "--evaluate-on", 1)


@pytest.fixture(scope="module")
def source(mnist: Dataset) -> GlyphSource:
    return GlyphSource(mnist.train[:1000], letterform_ratio=0.4)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """An uninterrupted run, whose finder is worse than the present one."""
    return run_training(*QUICK, "--models", tmp_path_factory.mktemp("refused"))


@pytest.fixture(scope="module")
def candidate(refused: subprocess.CompletedProcess[str]) -> Path:
    return Path(refused.stderr.partition("stays a candidate, in ")[2].partition(". ")[0])


def test_a_worse_finder_stays_a_candidate(refused: subprocess.CompletedProcess[str], candidate: Path) -> None:
    assert refused.returncode == 3, refused.stderr
    assert refused.stderr.splitlines()[-1].startswith(
        f"Error: The finder in {finders.find_folder(candidate.parent)} is better: "
    )
    assert candidate.name == "finder-candidate"
    assert not (candidate.parent / "finder").exists()


def test_card_and_report_record_the_fit(candidate: Path) -> None:
    card = json.loads((candidate / "model.json").read_text())
    assert card["files"] == {name: checksums.sha256(candidate / name) for name in ("model.tflite", "report/index.html")}
    assert card["settings"] == {**card["settings"], "scenes": 100, "epochs": 3, "hands": 0.4, "width": 0.3}
    assert len(card["history"]["ink_loss"]) == 3
    assert list(card["metrics"]["conditions"]) == list(CONDITIONS)
    assert {"uploads_accuracy", "uploads_refused", "ink_dice", "centers_missed"} < card["metrics"].keys()
    page = Page(candidate / "report/index.html")
    assert "seed 0 · 100 scenes · 3 epochs · fitted in" in page.text[""]
    assert sorted(row[0] for row in page.rows["uploads"][1:]) == sorted(CONDITIONS)
    assert len(page.images("examples")) == 3 * len(CONDITIONS)
    references = [attributes.get(name) for _, attributes in page.elements for name in ("src", "srcset", "href")]
    assert all(reference.startswith("data:") for reference in references if reference is not None)


def stop_at_file(name: str, signal_number: signal.Signals, *command: object) -> tuple[int, str]:
    """Start a run, stop it when it has written a hidden file, and return its exit code and output."""
    models = Path(str(command[command.index("--models") + 1]))
    with start_training(*command) as process:
        wait_until(lambda: list(models.glob(f".finder-*/{name}")), seconds=300)
        process.send_signal(signal_number)
        output, _ = process.communicate(timeout=60)
    return process.returncode, output


def test_interrupted_and_resumed_the_fit_ends_with_the_same_weights(candidate: Path, tmp_path: Path) -> None:
    code, output = stop_at_file("0.unfinished", signal.SIGTERM, *QUICK, "--models", tmp_path)
    assert code == 130
    assert output.splitlines()[-1].startswith("Error: Interrupted. With --resume,")
    stop_at_file("fit.npz", signal.SIGKILL, *QUICK, "--models", tmp_path, "--resume")
    assert not (tmp_path / "finder").exists()

    result = run_training(*QUICK, "--models", tmp_path, "--resume", "--force")
    assert result.returncode == 0, result.stderr
    assert "Epoch 1/3" not in result.stdout
    assert "Drawing scenes" not in result.stdout
    assert "Epoch 3/3" in result.stdout
    assert finders.load(tmp_path).checksum == checksums.sha256(candidate / "model.tflite")
    assert list(tmp_path.glob(".finder*")) == []


def test_two_evaluations_of_a_finder_are_equal(mnist: Dataset, refused: subprocess.CompletedProcess[str]) -> None:
    held_out, classifier = mnist.train[-HELD_OUT:], load_default(Settings())
    evaluation = evaluate.evaluate(DEFAULT_MODELS, classifier, held_out, 1)
    metrics = evaluation.metrics()
    assert f"accuracy on uploads {metrics['uploads_accuracy']:.4f} -> 0." in refused.stderr
    assert metrics["uploads_accuracy"] > 0.8
    assert metrics["ink_dice"] > 0.7
    assert metrics["centers_found"] > 0.8 * metrics["centers"]
    assert not promotion.is_worse(evaluation.errors, evaluation.errors)


def test_too_few_scenes_are_an_error(source: GlyphSource, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="40 scenes are too few to fit to: 64 are in a batch"):
        fit(FinderRecipe(scenes=40), source, 0, tmp_path)


def test_a_folder_is_replaced_and_a_crash_leaves_one_of_both(tmp_path: Path) -> None:
    for name in ("new", "finder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    aside = Path(shutil.copytree(tmp_path / "finder", tmp_path / ".finder-replaced"))
    shutil.rmtree(tmp_path / "finder")  # as after a crash between the renames

    export.recover(tmp_path / "finder")
    assert (tmp_path / "finder" / "file").read_text() == "finder"
    export.replace(tmp_path / "new", tmp_path / "finder")
    assert (tmp_path / "finder" / "file").read_text() == "new"
    assert not aside.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["finder"]


def test_what_was_fitted_is_what_the_service_runs(candidate: Path, source: GlyphSource) -> None:
    look = scenes.draw(source, np.random.default_rng(1)).look
    (marks,) = Finder(candidate / "model.tflite").predict(look[None])
    assert 0 <= marks.ink.min() <= marks.ink.max() <= 1
    assert 0 <= marks.centers.min() <= marks.centers.max() <= 1
    assert marks.offsets.shape == (32, 32, 2)
