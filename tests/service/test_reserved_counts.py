"""Counts in files with reserved space, and in memory if there is no space."""

from pathlib import Path

from service.observability.reserved_counts import ReservedDict


def test_counts_are_kept_in_memory_if_a_file_has_no_space(tmp_path: Path) -> None:
    in_file = ReservedDict(str(tmp_path / "counter_1.db"))
    names = [f"count {number} {'x' * 500}" for number in range(1000)]  # the file is made larger several times
    for number, name in enumerate(names):
        in_file.write_value(name, number, 0.0)
    entries = ReservedDict.read_all_values_from_file(str(tmp_path / "counter_1.db"))
    shared = {name: value for name, value, _, _ in entries}
    in_memory = ReservedDict(str(tmp_path / "no such folder" / "counter_1.db"))
    for number, name in enumerate(names):
        in_memory.write_value(name, number, 0.0)
    expected = dict(zip(names, range(1000), strict=True))
    assert shared == expected
    assert {name: in_file.read_value(name)[0] for name in names} == expected
    assert {name: in_memory.read_value(name)[0] for name in names} == expected
