"""The commands `models ...`, on copies of the shipped versions."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service import checksums
from service.__main__ import main
from service.models import loading, store
from service.settings import DEFAULT_MODELS, Settings
from tests.support.models import copy_two_versions, save_variant
from tests.support.paths import ROOT
from tests.support.server import clean_environment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of versions 1, 2 and 3; 3 is 2 again."""
    models = copy_two_versions(tmp_path / "models")
    return Path(shutil.copytree(models / "mnist" / "2", models / "mnist" / "3")).parent


def run(folder: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(main, ["models", *arguments], env={"MNIST_MODELS": str(folder.parent)})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def load_default_number(folder: Path) -> int:
    return loading.load_default(Settings(models=folder.parent)).version


def list_states(folder: Path) -> dict[str, str]:
    """Return the state of each version in `models list`."""
    lines = run(folder, "list").stdout.splitlines()
    start = lines[0].index("state")
    return {line.split()[0]: line[start:] for line in lines[1:]}


def damage(version: Path) -> None:
    content = (version / "saved_model.pb").read_bytes()
    (version / "saved_model.pb").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run without root's rights, which override permissions."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_list_shows_versions_labels_accuracy_age_and_state(folder: Path) -> None:
    run(folder, "label", "stable", "2")
    run(folder, "label", "canary", "2")
    os.utime(folder / "1", (0, 0))
    os.utime(folder / "3", (2_000_000_000, 2_000_000_000))  # in the future
    lines = [line.split() for line in run(folder, "list").stdout.splitlines()]
    assert lines[0] == ["version", "labels", "accuracy", "age", "state"]
    assert lines[1] == ["3", "99.70%", "0", "s", "default"]
    assert lines[2][:4] == ["2", "canary,", "stable", "99.70%"]
    assert lines[2][-1] == "intact"
    assert (lines[3][0], lines[3][-2], lines[3][-1]) == ("1", "days", "intact")
    assert int(lines[3][-3]) > 20_000


def test_list_says_what_is_wrong_and_what_is_then_the_default(folder: Path) -> None:
    damage(folder / "3")
    (folder / "2" / store.CARD).write_text("{")
    states = list_states(folder)
    assert "is damaged: saved_model.pb is not as its model card records it." in states["3"]
    assert "is wrong" in states["2"]
    assert states["1"] == "default"


def test_verify_checks_every_file_of_every_version(folder: Path) -> None:
    result = run(folder, "verify")
    finder, *versions = result.stdout.splitlines()
    assert re.fullmatch(r"finder: (1 file is|\d+ files are) intact\.", finder)
    assert (result.exit_code, versions) == (0, [f"{number}: 6 files are intact." for number in (1, 2, 3)])
    damage(folder / "1")
    (folder / "2" / "fingerprint.pb").unlink()
    shutil.rmtree(folder / "3" / "assets.extra")
    result = run(folder, "verify")
    assert result.exit_code == 1
    assert [line.rpartition("/")[2] for line in result.stdout.splitlines()[1:]] == [
        "1 is damaged: saved_model.pb is not as its model card records it.",
        "2 is not complete: fingerprint.pb is missing.",
        "3: it has no model card to check by.",
    ]


def test_verify_notes_a_version_that_was_measured_with_another_finder(folder: Path) -> None:
    for number, checksum in ((2, "0" * 64), (3, checksums.sha256(folder.parent / "finder" / "model.tflite"))):
        card = json.loads((folder / str(number) / store.CARD).read_text())
        (folder / str(number) / store.CARD).write_text(json.dumps({**card, "finder": checksum}))
    result = run(folder, "verify")
    assert (result.exit_code, result.stdout.splitlines()[1:]) == (
        0, ["1: 6 files are intact.",
            "2: 6 files are intact; it was measured with another finder than the one here.",
            "3: 6 files are intact."],
    )  # fmt: skip


def test_verify_finds_a_damaged_finder(folder: Path) -> None:
    (folder.parent / "finder" / "model.tflite").write_bytes(b"TFL3")
    result = run(folder, "verify")
    assert result.exit_code == 1
    assert "finder is damaged: model.tflite is not as its model card records it." in result.stdout.splitlines()[0]
    assert result.stdout.splitlines()[1:] == [f"{number}: 6 files are intact." for number in (1, 2, 3)]


@pytest.mark.parametrize("name", json.loads((DEFAULT_MODELS / "mnist" / "2" / store.CARD).read_text())["files"])
def test_verify_finds_one_changed_bit_in_any_file(folder: Path, name: str) -> None:
    content = bytearray((folder / "3" / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "3" / name).write_bytes(content)
    result = run(folder, "verify")
    assert result.exit_code == 1
    assert f"3 is damaged: {name} is not as its model card records it." in result.stdout


def test_a_file_that_cannot_be_read_is_an_error(folder: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as public:
        copy = Path(shutil.copytree(folder, Path(public) / "mnist"))
        Path(public).chmod(0o755)
        (copy / "3" / "saved_model.pb").chmod(0)
        with unprivileged():
            result = run(copy, "verify")
            assert list_states(copy)["2"] == "default"
    assert result.exit_code == 1
    assert "3/saved_model.pb can't be read: permission denied." in result.stdout


def test_a_label_is_given_moved_and_removed(folder: Path) -> None:
    assert run(folder, "label", "stable", "2").stdout == "stable is version 2.\n"
    assert run(folder, "label", "canary", "3").stdout == "canary is version 3.\n"
    assert store.read_policy(folder).labels == {"stable": 2, "canary": 3}
    run(folder, "label", "stable", "1")
    assert run(folder, "label", "--remove", "canary").stdout == "Removed label canary.\n"
    assert store.read_policy(folder).labels == {"stable": 1}
    assert load_default_number(folder) == 3
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2", "3", "versions.json"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["stable", "4"], 1, "There is no version 4 in"),
        (["stable", "-1"], 2, ""),
        (["stable", "three"], 2, "'three' is not a valid integer"),
        (["3", "3"], 2, "A label begins with a letter"),
        (["a/b", "3"], 2, "A label begins with a letter"),
        (["a" * 65, "3"], 2, "A label begins with a letter"),
        (["naïve", "3"], 2, "A label begins with a letter"),
        (["stable"], 2, "Name a version"),
        (["stable", "3", "--remove"], 2, "Name a version"),
        (["stable", "--remove"], 1, "There is no label stable in"),
    ],
)
def test_a_label_that_cannot_be_given_changes_nothing(
    folder: Path, arguments: list[str], code: int, sentence: str
) -> None:
    result = run(folder, "label", *arguments)
    assert result.exit_code == code
    assert sentence in result.output
    assert not (folder / store.POLICY_FILE).exists()


def test_rollback_makes_the_previous_version_the_default_and_undo_takes_it_back(folder: Path) -> None:
    run(folder, "label", "stable", "3")
    for number in (2, 1):
        assert run(folder, "rollback").stdout == f"The default is version {number}.\n"
        assert load_default_number(folder) == number
    assert list_states(folder) == {"3": "withdrawn", "2": "withdrawn", "1": "default"}
    result = run(folder, "rollback")
    assert (result.exit_code, load_default_number(folder)) == (1, 1)
    assert "No previous version in" in result.output
    for number in (2, 3):
        assert run(folder, "rollback", "--undo").stdout == f"The default is version {number}.\n"
        assert load_default_number(folder) == number
    assert "There is no rollback to undo." in run(folder, "rollback", "--undo").output
    assert store.read_policy(folder).labels == {"stable": 3}


def test_rollback_passes_over_versions_that_are_damaged(folder: Path) -> None:
    damage(folder / "2")
    assert run(folder, "rollback").stdout == "The default is version 1.\n"
    assert load_default_number(folder) == 1


def test_a_later_version_is_the_default_again_though_the_withdrawn_one_was_deleted(folder: Path) -> None:
    run(folder, "rollback")
    shutil.rmtree(folder / "3")
    assert store.next_number(folder) == 4
    (folder / "1").rename(folder / "4")
    assert load_default_number(folder) == 4


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"labels": {"stable": "two"}}', b'{"withdrawn": 3}', b"\xff"])
def test_a_damaged_file_of_labels_is_an_error_and_not_overwritten(folder: Path, content: bytes) -> None:
    (folder / store.POLICY_FILE).write_bytes(content)
    for arguments in (["list"], ["label", "stable", "2"], ["rollback"]):
        result = run(folder, *arguments)
        assert result.exit_code == 1
        assert "versions.json can't be read: " in result.output
    assert (folder / store.POLICY_FILE).read_bytes() == content
    assert run(folder, "verify").exit_code == 0
    assert store.next_number(folder) == 4


def test_a_folder_that_is_read_only_is_an_error(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as public:
        copy = Path(shutil.copytree(folder, Path(public) / "mnist"))
        Path(public).chmod(0o755)
        copy.chmod(0o555)
        with unprivileged():
            for arguments in (["label", "stable", "2"], ["rollback"]):
                result = run(copy, *arguments)
                assert (result.exit_code, result.output) == (
                    1, f"Error: {copy / 'versions.json'} can't be written: permission denied.\n",
                )  # fmt: skip
            assert list_states(copy)["3"] == "default"
        copy.chmod(0o755)


def test_a_folder_without_versions_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    for arguments in (["list"], ["verify"], ["label", "stable", "2"], ["rollback"]):
        result = run(folder, *arguments)
        assert result.exit_code == 1
        assert f"There is no version in {folder}: put one there, as {folder / '1'}." in result.output


def test_a_folder_without_versions_shows_the_shipped_ones_if_they_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mnist"
    monkeypatch.setenv("MNIST_SHIPPED_FIRST", "true")
    assert list_states(folder) == {"3": "default", "2": "intact", "1": "intact"}
    assert run(folder, "verify").exit_code == 0
    for arguments in (["label", "stable", "2"], ["rollback"]):
        assert f"There is no version in {folder}: " in run(folder, *arguments).output


def test_a_version_that_misreads_is_listed_and_not_the_default(folder: Path, shipped: Path) -> None:
    save_variant(shipped, folder / "7", white=255)
    states = list_states(folder)
    assert (states["3"], states["2"]) == ("default", "intact")
    assert states["7"].startswith("intact; It reads ")
    assert "right where white is 255" in states["7"]
    assert run(folder, "rollback").stdout == "The default is version 2.\n"
    shutil.rmtree(folder / "3")
    for number in (1, 2):
        shutil.rmtree(folder / str(number))
    assert list_states(folder)["7"].startswith("default; It reads ")


def test_what_looks_like_a_version_is_named(folder: Path) -> None:
    (folder / "2").rename(folder / "0002")
    (folder / "99999999999999999999").mkdir()
    (folder / "7.keras").write_bytes(b"?")
    result = run(folder, "list")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["version", "3", "2", "1"]
    assert "99999999999999999999 is no version: numbers go up to" in result.stderr
    assert 'keras.models.load_model("7.keras").export(' in result.stderr


def test_the_command_itself(folder: Path) -> None:
    command = [sys.executable, "-m", "service", "--models", str(folder.parent), "models", "rollback"]
    result = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "The default is version 2.\n", "")
