"""The folder of counts that processes share: its creation, its locks, and the counts of dead processes."""

import fcntl
import os
from pathlib import Path

import pytest

from service.observability import multiprocess_metrics
from service.observability.multiprocess_metrics import FOLDER_VARIABLE
from service.observability.reserved_counts import ReservedDict


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def write(file: Path, **counts: float) -> None:
    values = ReservedDict(str(file))
    for name, count in counts.items():
        values.write_value(name, count, 0.0)
    values.close()


def read(file: Path) -> dict[str, float]:
    return {name: count for name, count, _, _ in ReservedDict.read_all_values_from_file(str(file))}


def test_a_folder_is_created_and_removed(folder: Path) -> None:
    parent = multiprocess_metrics.create_folder(workers=1)
    assert parent
    created = Path(os.environ[FOLDER_VARIABLE])
    assert created != folder
    assert (created.is_dir(), created.parent) == (True, Path(parent))
    assert multiprocess_metrics.has_folder()
    multiprocess_metrics.remove_folder()
    assert not created.exists()


def test_without_a_folder_nothing_is_removed_or_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert not multiprocess_metrics.has_folder()
    multiprocess_metrics.merge_dead_process(1)
    multiprocess_metrics.remove_folder()


def test_counts_of_dead_processes_are_added_and_those_of_others_stay(folder: Path) -> None:
    for process, counts in {1: {"a": 2.0, "b": 3.0}, 2: {"a": 5.0}, 12: {"a": 7.0}}.items():
        write(folder / f"counter_{process}.db", **counts)
    write(folder / "gauge_livesum_1.db", a=1.0)
    for process in (1, 2):
        multiprocess_metrics.merge_dead_process(process)
    assert read(folder / "counter_0.db") == {"a": 7.0, "b": 3.0}
    assert read(folder / "counter_12.db") == {"a": 7.0}
    assert {file.name for file in folder.glob("*.db")} == {"counter_0.db", "counter_12.db"}


def test_empty_files_are_not_listed(folder: Path) -> None:
    (folder / "counter_1.db").touch()
    write(folder / "counter_2.db", a=1.0)
    assert multiprocess_metrics.list_files(folder) == [folder / "counter_2.db"]


@pytest.mark.parametrize(
    ("kind", "other", "is_free"),
    [
        (fcntl.LOCK_SH, fcntl.LOCK_SH, True),
        (fcntl.LOCK_SH, fcntl.LOCK_EX, False),
        (fcntl.LOCK_EX, fcntl.LOCK_SH, False),
    ],
)
def test_a_merge_excludes_readers(folder: Path, kind: int, other: int, is_free: bool) -> None:
    with multiprocess_metrics.lock(kind), open(folder / "lock") as file:
        try:
            fcntl.flock(file, other | fcntl.LOCK_NB)
        except BlockingIOError:
            assert not is_free
        else:
            assert is_free


def test_reserving_extends_a_file_and_never_shortens_it(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        multiprocess_metrics.reserve(file.fileno(), 4096)
        multiprocess_metrics.reserve(file.fileno(), 100)
    assert (tmp_path / "file").stat().st_size == 4096
