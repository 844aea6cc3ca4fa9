"""Model cards: written in one step, with the checksums of all files, and read back."""

import json
import platform
from pathlib import Path

import pytest

from service import checksums
from service.errors import ModelError
from service.models import store
from training import model_card


def write_version(folder: Path) -> Path:
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "assets.extra" / "model.tflite").write_bytes(b"weights")
    return folder


def test_a_card_records_every_file_but_itself(tmp_path: Path) -> None:
    version = write_version(tmp_path / "1")
    model_card.write(version, {"recipe": "dense"})
    model_card.write(version, {"recipe": "dense", "seed": 0})
    card = model_card.read(version)
    assert card == {
        "recipe": "dense",
        "seed": 0,
        "files": {name: checksums.sha256(version / name) for name in ("assets.extra/model.tflite", "saved_model.pb")},
    }
    assert sorted(path.name for path in (version / "assets.extra").iterdir()) == ["model.json", "model.tflite"]
    checksums.check_files(version, card["files"])


def test_a_card_may_have_another_name(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"weights")
    model_card.write(tmp_path, {"seed": 3}, Path("card.json"))
    assert json.loads((tmp_path / "card.json").read_text())["seed"] == 3


def test_a_version_without_a_card_has_an_empty_one(tmp_path: Path) -> None:
    assert model_card.read(tmp_path) == {}


def test_a_damaged_card_is_an_error(tmp_path: Path) -> None:
    version = write_version(tmp_path / "1")
    (version / store.CARD).write_text("{")
    with pytest.raises(ModelError, match="is damaged"):
        model_card.read(version)


def test_a_metric_that_is_no_number_is_not_written(tmp_path: Path) -> None:
    version = write_version(tmp_path / "1")
    with pytest.raises(ValueError, match="not JSON compliant"):
        model_card.write(version, {"accuracy": float("nan")})
    assert model_card.read(version) == {}


def test_equal_cards_have_equal_digests() -> None:
    digests = [model_card.compute_digest({"seed": seed}) for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]
    assert all(len(digest) == 16 and int(digest, 16) >= 0 for digest in digests)


def test_the_libraries_are_those_installed() -> None:
    libraries = model_card.list_libraries()
    assert libraries["python"] == platform.python_version()
    assert {"tensorflow", "keras", "ai-edge-litert", "numpy"} < libraries.keys()
