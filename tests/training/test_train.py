"""The whole command: interrupted and resumed, refused and forced, on a full disk, evaluated again."""

import ctypes
import json
import resource
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from service.models import store
from service.models.runtimes import LITERT_MODEL
from tests.support.training import run_in_process, run_training, start_training, write_part
from tests.support.wait import wait_until
from training.data.datasets import Dataset

pytestmark = pytest.mark.slow

QUICK = (
    "--epochs", 5, "--uploads", 1, "--hands", 40, "--scenes", 20, "--numbers", 4, "--held-out", 400, "--evaluate-on", 1,
)  # fmt: skip


@pytest.fixture(scope="module")
def small_data(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that a convnet is fitted to in seconds."""
    return write_part(mnist, tmp_path_factory.mktemp("data"), 1680, 500)


@pytest.fixture(scope="module")
def uninterrupted(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    result = run_training("--data", small_data, "--models", folder, *QUICK)
    assert result.returncode == 0, result.stderr
    return folder / "mnist" / "1"


def count_epochs(models: Path) -> int:
    """Count the epochs that an unfinished fit has finished."""
    for path in models.glob("mnist/.fit-*.npz"):
        with np.load(path) as file:
            return len(json.loads(str(file["history"]))["loss"])
    return 0


def has_finished_more(models: Path, epochs: int) -> bool:
    return count_epochs(models) > epochs


def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    small_data: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    """Each signal ends the command after at least one more epoch."""
    command = ("--data", small_data, "--models", tmp_path, *QUICK)
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        finished = count_epochs(tmp_path)
        with start_training(*command, *(("--resume",) if finished else ())) as process:
            wait_until(partial(has_finished_more, tmp_path, finished), seconds=300)
            process.send_signal(signal_number)
            output, _ = process.communicate(timeout=60)
        if signal_number != signal.SIGKILL:
            assert process.returncode == 130
            assert output.splitlines()[-1].startswith("Error: Interrupted. With --resume,")
        assert store.find_versions(tmp_path / "mnist") == {}

    result = run_training(*command, "--resume")
    assert result.returncode == 0, result.stderr
    assert "Epoch 3/5" not in result.stdout
    assert "Epoch 5/5" in result.stdout
    version = tmp_path / "mnist" / "1"
    assert (version / LITERT_MODEL).read_bytes() == (uninterrupted / LITERT_MODEL).read_bytes()
    cards = [json.loads((folder / store.CARD).read_text()) for folder in (version, uninterrupted)]
    assert cards[0]["history"] == cards[1]["history"]
    assert list(tmp_path.glob("mnist/.fit-*")) == []


def test_with_other_settings_there_is_nothing_to_resume(small_data: Path, tmp_path: Path) -> None:
    command = ("--data", small_data, "--models", tmp_path, "--recipe", "dense", "--epochs", 2, "--evaluate-on", 1)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / ".fit-other.npz").write_bytes(b"of other settings")
    output = run_in_process(*command, "--resume").output
    assert "There is nothing to resume" in output
    assert "Epoch 1/2" in output


def test_a_convnet_is_calibrated_and_its_card_records_it(uninterrupted: Path) -> None:
    card = json.loads((uninterrupted / store.CARD).read_text())
    assert store.verify(uninterrupted).files
    assert store.REPORT.as_posix() in card["files"]
    assert 0.2 < card["calibration"]["temperature"] < 5
    assert 0.1 <= card["calibration"]["threshold"] < 1
    assert len(card["history"]["val_accuracy"]) == 5
    assert {"test_accuracy", "test_expected_calibration_error", "uploads_accuracy"} < card["metrics"].keys()


def test_without_held_out_images_it_is_not_calibrated(small_data: Path, tmp_path: Path) -> None:
    options = (
        "--epochs", 1, "--uploads", 0, "--hands", 0, "--scenes", 0, "--numbers", 0, "--held-out", 0, "--evaluate-on", 1,
    )  # fmt: skip
    result = run_training("--data", small_data, "--models", tmp_path, *options)
    assert result.returncode == 0, result.stderr
    card = json.loads((tmp_path / "mnist" / "1" / store.CARD).read_text())
    assert "calibration" not in card
    assert "val_loss" not in card["history"]


def test_a_worse_version_stays_a_candidate_unless_forced(shipped: Path, small_data: Path, tmp_path: Path) -> None:
    shutil.copytree(shipped, tmp_path / "mnist" / "5")
    command = ("--data", small_data, "--models", tmp_path, "--recipe", "dense", "--epochs", 1, "--evaluate-on", 1)
    result = run_training(*command)
    assert result.returncode == 3
    reason = result.stderr.splitlines()[-1]
    assert reason.startswith(f"Error: The default version in {tmp_path / 'mnist'} is better: error rate on the test")
    candidate = tmp_path / "mnist" / "candidates" / "1"
    assert str(candidate) in reason
    assert store.verify(candidate).files
    assert list(store.find_versions(tmp_path / "mnist").values()) == [tmp_path / "mnist" / "5"]

    assert "Epoch" not in run_in_process(*command, "--resume", "--force").output  # all were finished
    assert list(store.find_versions(tmp_path / "mnist").values())[-1] == tmp_path / "mnist" / "6"


def test_a_version_is_evaluated_again(uninterrupted: Path, small_data: Path, tmp_path: Path) -> None:
    version = shutil.copytree(uninterrupted, tmp_path / "mnist" / "3")
    shutil.rmtree(version / store.REPORT.parent)
    result = run_in_process("evaluate", 3, "--models", tmp_path, "--data", small_data, "--evaluate-on", 1)
    before, after = (json.loads((folder / store.CARD).read_text()) for folder in (uninterrupted, version))
    assert before["metrics"] == after["metrics"]
    assert f"test_accuracy {after['metrics']['test_accuracy']:.5g}".split() in map(
        str.split, result.stdout.splitlines()
    )
    assert before == after
    assert store.verify(version).files


def test_a_users_own_saved_model_is_evaluated(uninterrupted: Path, small_data: Path, tmp_path: Path) -> None:
    version = tmp_path / "own"
    shutil.copytree(uninterrupted, version, ignore=shutil.ignore_patterns("assets.extra"))
    run_in_process("evaluate", version, "--data", small_data, "--evaluate-on", 1)
    assert (version / store.REPORT).exists()


def test_a_damaged_card_is_an_error_and_stays(uninterrupted: Path, tmp_path: Path) -> None:
    version = Path(shutil.copytree(uninterrupted, tmp_path / "version"))
    (version / store.CARD).write_text('{"recipe": ')
    result = run_training("evaluate", version, "--evaluate-on", 1)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(f"Error: The model card {version / store.CARD} is damaged: ")
    assert (version / store.CARD).read_text() == '{"recipe": '


@pytest.mark.parametrize("version", ["9", "nowhere"])
def test_a_missing_version_is_an_error(version: str, tmp_path: Path) -> None:
    result = run_training("evaluate", version, "--models", tmp_path, "--evaluate-on", 1)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("Error: There is no version")


def _limit_files_to_a_megabyte() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails, as it does on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))


def _obey_permissions() -> None:
    drop_from_bounding_set, dac_override = 24, 1  # PR_CAPBSET_DROP and CAP_DAC_OVERRIDE of Linux
    ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override, 0, 0, 0)  # root may write anywhere otherwise


@pytest.mark.parametrize("limit", [_limit_files_to_a_megabyte, _obey_permissions])
def test_a_failed_write_is_an_error_and_leaves_no_version(
    limit: Callable[[], None], small_data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir(mode=0o755 if limit is _limit_files_to_a_megabyte else 0o555)
    with start_training(
        "--data", small_data, "--models", folder, "--recipe", "dense", "--epochs", 1, preexec_fn=limit
    ) as process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert output.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in output
    assert store.find_versions(folder / "mnist") == {}
    assert list(folder.glob("mnist/.unfinished-*")) == []


def test_logs_for_tensorboard_on_request(small_data: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    command = ("--data", small_data, "--models", tmp_path, "--recipe", "dense", "--epochs", 1, "--evaluate-on", 1)
    run_in_process(*command, "--tensorboard", logs)
    assert list(logs.rglob("events.out.tfevents.*"))


def test_fewer_images_than_are_held_out_are_an_error(mnist: Dataset, tmp_path: Path) -> None:
    source = write_part(mnist, tmp_path, 500, 10)
    result = run_training("--recipe", "convnet", "--models", tmp_path, "--data", source)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")
