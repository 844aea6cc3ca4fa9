"""Images in Parquet files."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from service.batch.parquet_file import BATCH_ROWS, ParquetRow, list_rows
from service.errors import ServiceError, TooLarge, UnreadableFile, WrongColumn
from tests.support.archives import mutate
from tests.support.paths import SEVEN

SEVEN_BYTES = SEVEN.read_bytes()
IMAGES = [b"%d" % number for number in range(3 * BATCH_ROWS)]


def write(path: Path, columns: dict[str, Any], **options: Any) -> str:
    parquet.write_table(pyarrow.table(columns), path, **options)
    return str(path)


@pytest.mark.parametrize("group_rows", [7, 1000])
@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array(IMAGES),
        pyarrow.array(IMAGES, pyarrow.large_binary()),
        pyarrow.array(IMAGES).dictionary_encode(),
        pyarrow.array([{"bytes": image, "path": None} for image in IMAGES]),
    ],
    ids=["bytes", "large", "dictionary", "Hugging Face"],
)
def test_rows_are_images_in_any_order(tmp_path: Path, column: Any, group_rows: int) -> None:
    file = write(tmp_path / "x.parquet", {"label": range(len(IMAGES)), "my.image": column}, row_group_size=group_rows)
    rows = list(list_rows(file, None))
    assert [row.name for row in rows] == [f"{file}#{number}" for number in range(len(IMAGES))]
    assert [row.load(100) for row in rows] == IMAGES
    assert [row.load(100) for row in reversed(rows)] == IMAGES[::-1]


def test_images_of_one_size_may_be_a_column_of_that_size(tmp_path: Path) -> None:
    column = pyarrow.array([SEVEN_BYTES] * 2, pyarrow.binary(len(SEVEN_BYTES)))
    rows = list_rows(write(tmp_path / "x.parquet", {"image": column}), None)
    assert [row.load(len(SEVEN_BYTES)) for row in rows] == [SEVEN_BYTES] * 2


def test_an_image_over_the_limit_and_a_row_without_bytes_are_errors(tmp_path: Path) -> None:
    structs = [{"bytes": SEVEN_BYTES}, {"bytes": None}, None]
    seven, *others = list_rows(write(tmp_path / "x.parquet", {"image": structs}), None)
    assert seven.load(len(SEVEN_BYTES)) == SEVEN_BYTES
    with pytest.raises(TooLarge, match=f"at most {len(SEVEN_BYTES) - 1} bytes"):
        seven.load(len(SEVEN_BYTES) - 1)
    for row in others:
        with pytest.raises(UnreadableFile, match="This row has no bytes"):
            row.load(100)


def test_the_column_is_named_where_it_can_be_another(tmp_path: Path) -> None:
    file = write(tmp_path / "x.parquet", {"scan": [b"1"], "text": ["a"], "mask": [{"bytes": b"2"}]})
    assert [row.load(10) for column in ("scan", "mask") for row in list_rows(file, column)] == [b"1", b"2"]
    for column, sentence in {
        None: "has several columns of bytes (scan, mask): name that of the images with --column.",
        "text": "has no column 'text' of bytes: name that of the images with --column.",
    }.items():
        with pytest.raises(WrongColumn, match=re.escape(sentence)):
            list(list_rows(file, column))
    with pytest.raises(WrongColumn, match="has no column of bytes"):
        list(list_rows(write(tmp_path / "y.parquet", {"text": ["a"]}), None))
    parquet.write_table(pyarrow.table([[b"1"], ["a"]], ["x", "x"]), tmp_path / "z.parquet")
    with pytest.raises(WrongColumn, match="has no column 'x' of bytes"):
        list(list_rows(str(tmp_path / "z.parquet"), "x"))


def test_a_name_with_a_dot_is_not_taken_for_a_field(tmp_path: Path) -> None:
    columns = {"a": [{"bytes": b"field"}], "a.bytes": [b"column"]}
    for order in (columns, dict(reversed(columns.items()))):
        file = write(tmp_path / "x.parquet", order)
        assert [row.load(10) for name in columns for row in list_rows(file, name)] == [b"field", b"column"]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_damage_is_an_error_of_the_service(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "x.parquet"
    path.unlink(missing_ok=True)
    write(path, {"image": [SEVEN_BYTES] * 3})
    path.write_bytes(mutate(data, path.read_bytes()))
    rows: list[ParquetRow] = []
    with suppress(ServiceError):
        rows.extend(list_rows(str(path), None))
    for row in rows:
        with suppress(ServiceError):
            assert isinstance(row.load(10_000), bytes)
