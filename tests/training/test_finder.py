"""The finder's run: killed and resumed, refused and forced; and the scenes that it is fitted to."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from service import checksums
from service.models.loading import load_default
from service.preparation import finder as finders
from service.preparation.finder import Finder
from service.settings import DEFAULT_MODELS, Settings
from tests.training.test_export import Training
from tests.training.test_report import Page
from tests.training.test_train import start
from training import export, promotion
from training.data.datasets import HELD_OUT, Dataset
from training.errors import DataError
from training.finder import evaluate
from training.finder.fit import Recipe, fit
from training.synthetic import letterforms, scenes
from training.synthetic.conditions import CONDITIONS
from training.synthetic.glyphs import Source

QUICK = ("finder", "--scenes", 100, "--epochs", 6, "--batch-size", 32, "--width", 0.3, "--evaluate-on", 1)


@pytest.fixture(scope="module")
def source(mnist: Dataset) -> Source:
    return Source(mnist.train[:1000], hands=0.4)


@pytest.fixture(scope="module")
def refused(run_training: Training, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """A run that nothing happens to, whose finder has hardly learned anything."""
    return run_training(*QUICK, "--models", tmp_path_factory.mktemp("refused"))


@pytest.fixture(scope="module")
def candidate(refused: subprocess.CompletedProcess[str]) -> Path:
    return Path(refused.stderr.partition("stays a candidate, in ")[2].partition(". ")[0])


def test_a_worse_finder_stays_a_candidate(refused: subprocess.CompletedProcess[str], candidate: Path) -> None:
    assert refused.returncode == 3, refused.stderr
    assert refused.stderr.splitlines()[-1].startswith(
        f"Error: The finder in {finders.home(candidate.parent)} is better: "
    )
    assert candidate.name == "finder-candidate"
    assert not (candidate.parent / "finder").exists()


def test_its_card_and_report_say_how_it_was_made(candidate: Path) -> None:
    card = json.loads((candidate / "model.json").read_text())
    assert card["files"] == {name: checksums.sha256(candidate / name) for name in ("model.tflite", "report/index.html")}
    assert card["settings"] == {**card["settings"], "scenes": 100, "epochs": 6, "hands": 0.4, "width": 0.3}
    assert len(card["history"]["ink_loss"]) == 6
    assert list(card["metrics"]["conditions"]) == list(CONDITIONS)
    assert {"uploads_accuracy", "uploads_refused", "ink_dice", "centers_missed"} < card["metrics"].keys()
    page = Page(candidate / "report/index.html")
    assert "seed 0 · 100 scenes · 6 epochs · fitted in" in page.text[""]
    assert sorted(row[0] for row in page.rows["uploads"][1:]) == sorted(CONDITIONS)
    assert len(page.images("examples")) == 3 * len(CONDITIONS)
    references = [attributes.get(name) for _, attributes in page.elements for name in ("src", "srcset", "href")]
    assert all(reference.startswith("data:") for reference in references if reference is not None)


def stop_when_there_is(name: str, signal_number: signal.Signals, *command: object) -> tuple[int, str]:
    """Start a run, stop it when it has written a hidden file, and give its exit code and output."""
    models = Path(str(command[command.index("--models") + 1]))
    with start(*command) as process:
        deadline = time.monotonic() + 300
        while not list(models.glob(f".finder-*/{name}")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal_number)
        output, _ = process.communicate(timeout=60)
    return process.returncode, output


def test_stopped_killed_and_resumed_it_ends_with_the_same_weights_and_may_be_forced(
    candidate: Path, run_training: Training, tmp_path: Path
) -> None:
    code, output = stop_when_there_is("0.unfinished", signal.SIGTERM, *QUICK, "--models", tmp_path)
    assert code == 130
    assert output.splitlines()[-1].startswith("Error: Interrupted. With --resume,")
    stop_when_there_is("fit.npz", signal.SIGKILL, *QUICK, "--models", tmp_path, "--resume")
    assert not (tmp_path / "finder").exists()

    result = run_training(*QUICK, "--models", tmp_path, "--resume", "--force")
    assert result.returncode == 0, result.stderr
    assert "Epoch 1/6" not in result.stdout
    assert "Draws scenes" not in result.stdout
    assert "Epoch 6/6" in result.stdout
    assert finders.load(tmp_path).checksum == checksums.sha256(candidate / "model.tflite")
    assert list(tmp_path.glob(".finder*")) == []


def test_a_finder_is_evaluated_alike_each_time_and_is_not_worse_than_itself(
    mnist: Dataset, refused: subprocess.CompletedProcess[str]
) -> None:
    held_out, classifier = mnist.train[-HELD_OUT:], load_default(Settings())
    evaluation = evaluate.evaluate(DEFAULT_MODELS, classifier, held_out, 1)
    metrics = evaluation.metrics()
    assert f"accuracy on uploads {metrics['uploads_accuracy']:.4f} -> 0." in refused.stderr
    assert metrics["uploads_accuracy"] > 0.8
    assert metrics["ink_dice"] > 0.7
    assert metrics["centers_found"] > 0.8 * metrics["centers"]
    assert not promotion.is_worse(evaluation.errors, evaluation.errors)


def test_too_few_scenes_are_told(source: Source, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="40 scenes are too few to fit to: 64 are in a batch"):
        fit(Recipe(scenes=40), source, 0, tmp_path)


def test_a_folder_is_replaced_and_a_crash_leaves_one_of_both(tmp_path: Path) -> None:
    for name in ("new", "finder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    aside = Path(shutil.copytree(tmp_path / "finder", tmp_path / ".finder-replaced"))
    shutil.rmtree(tmp_path / "finder")  # as where a crash came between the renames

    export.recover(tmp_path / "finder")
    assert (tmp_path / "finder" / "file").read_text() == "finder"
    export.replace(tmp_path / "new", tmp_path / "finder")
    assert (tmp_path / "finder" / "file").read_text() == "new"
    assert not aside.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["finder"]


def test_each_form_of_each_digit_is_drawn_in_a_box_of_its_height() -> None:
    rng = np.random.default_rng(0)
    assert sorted(letterforms.FORMS) == list(range(10))
    for forms in letterforms.FORMS.values():
        for form, weight in forms:
            assert weight > 0
            assert all(stroke.ndim == 2 and len(stroke) > 1 and np.isfinite(stroke).all() for stroke in form(rng))
    for digit in range(10):
        for _ in range(50):
            points = np.concatenate(letterforms.write(digit, rng))
            np.testing.assert_allclose(points.min(axis=0), 0, atol=1e-9)
            assert 0.5 < points[:, 1].max() < 1.001


def test_the_same_seed_draws_the_same_scenes(source: Source) -> None:
    first, again, other = (scenes.draw(source, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.look, again.look)
    np.testing.assert_array_equal(first.ink, again.ink)
    assert not np.array_equal(first.look, other.look)


def test_a_digit_in_a_scene_stands_out_and_has_its_center_within_its_ink(source: Source) -> None:
    rng, contrasts = np.random.default_rng(5), []
    for _ in range(100):
        scene = scenes.draw_digit(source.glyph(rng), rng)
        rows, columns = np.nonzero(scene.owner)
        assert scene.look.shape == scene.ink.shape == (128, 128)
        assert scene.centers.shape == (1, 2)
        assert columns.min() * 4 - 4 <= scene.centers[0, 0] <= columns.max() * 4 + 8
        assert rows.min() * 4 - 4 <= scene.centers[0, 1] <= rows.max() * 4 + 8
        inked = np.nonzero(scene.ink > 127)
        assert scene.owner[inked[0] // 4, inked[1] // 4].all()
        away = np.abs(scene.look - np.median(scene.look))
        contrasts.append(away[scene.ink > 127].mean() > away[scene.ink == 0].mean())
    assert np.mean(contrasts) > 0.9


def test_what_was_fitted_is_what_the_service_runs(candidate: Path, source: Source) -> None:
    look = scenes.draw(source, np.random.default_rng(1)).look
    (marks,) = Finder(candidate / "model.tflite").mark(look[None])
    assert 0 <= marks.ink.min() <= marks.ink.max() <= 1
    assert 0 <= marks.centers.min() <= marks.centers.max() <= 1
    assert marks.offsets.shape == (32, 32, 2)
