"""Versions on disk: their numbers, labels and withdrawals."""

import json
import shutil
from pathlib import Path

import pytest

from service.errors import ModelError
from service.models import loading, store
from service.models.store import VersionPolicy
from service.settings import Settings


@pytest.fixture
def copy(shipped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped, tmp_path / "mnist" / "9"))


def test_highest_number_is_found_among_other_things(copy: Path, tmp_path: Path) -> None:
    for name in ("10", "2", ".unfinished-11", "11.old", "latest", "\u0663"):
        shutil.copytree(copy, copy.parent / name)
    (copy.parent / "12").write_text("a file is no version")
    assert list(store.find_versions(tmp_path / "mnist")) == [2, 9, 10]
    assert loading.load_default(Settings(models=tmp_path)).version == 10


def test_a_number_may_have_leading_zeros(copy: Path, tmp_path: Path) -> None:
    for name in ("0010", "09", "0009"):
        shutil.copytree(copy, copy.parent / name)
    assert {number: path.name for number, path in store.find_versions(copy.parent).items()} == {9: "9", 10: "0010"}
    assert store.describe_ignored(copy.parent) == [
        f"{copy.parent / name} is not served: version 9 is 9." for name in ("0009", "09")
    ]
    assert loading.load_default(Settings(models=tmp_path)).version == 10
    assert store.next_number(copy.parent) == 11


def test_a_number_over_64_bits_is_none(copy: Path, tmp_path: Path) -> None:
    for number in (2**63 - 1, 2**63, 99999999999999999999):
        (copy.parent / str(number)).mkdir()
    assert list(store.find_versions(copy.parent)) == [9, 2**63 - 1]
    assert store.describe_ignored(copy.parent) == [
        f"{copy.parent / str(number)} is no version: numbers go up to 9223372036854775807."
        for number in (2**63, 99999999999999999999)
    ]
    with pytest.raises(ModelError, match="There is no number left"):
        store.next_number(copy.parent)


def test_the_policy_is_written_and_read(tmp_path: Path) -> None:
    assert store.read_policy(tmp_path) == VersionPolicy()
    policy = VersionPolicy({"stable": 2, "canary": 3, "latest": 3}, withdrawn=(3,))
    store.write_policy(tmp_path, policy)
    assert store.read_policy(tmp_path) == policy
    assert json.loads((tmp_path / "versions.json").read_text())["withdrawn"] == [3]
    assert [path.name for path in tmp_path.iterdir()] == ["versions.json"]
    assert policy.labels_of(3) == ["canary", "latest"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"labels": {"stable": "2"}}', b'{"withdrawn": [\xff]}'])
def test_a_damaged_policy_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / store.POLICY_FILE).write_bytes(content)
    with pytest.raises(ModelError, match=r"versions\.json can't be read"):
        store.read_policy(tmp_path)


def test_the_default_is_the_highest_version_that_is_neither_withdrawn_nor_misreads() -> None:
    policy = VersionPolicy(withdrawn=(4, 5))
    assert policy.order([1, 2, 3, 4, 5], misread=[3, 5]) == [2, 1, 4, 3, 5]


def test_no_number_is_used_twice(tmp_path: Path) -> None:
    assert store.next_number(tmp_path) == 1
    store.write_policy(tmp_path, VersionPolicy({"stable": 4}, withdrawn=(6,)))
    assert store.next_number(tmp_path) == 7


def test_every_change_of_a_file_changes_the_state(copy: Path) -> None:
    states = [store.read_file_state(copy)]
    with open(copy / "saved_model.pb", "ab") as file:
        file.write(b"?")
    states.append(store.read_file_state(copy))
    (copy / "saved_model.pb").unlink()
    states.append(store.read_file_state(copy))
    assert len(set(states)) == 3
    assert store.read_file_state(copy) == states[-1]


def test_a_report_that_is_about_to_be_overwritten_is_not_verified(copy: Path) -> None:
    assert store.verify(copy) == store.read_card(copy)
    (copy / store.REPORT).write_bytes(b"")
    with pytest.raises(ModelError, match=r"is damaged: assets\.extra/report/index\.html"):
        store.verify(copy)
    assert store.verify(copy, with_report=False).files
