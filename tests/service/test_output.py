"""Rows for files, in a table, in CSV and in JSON lines."""

import json

import pytest

from service.batch import rows
from service.batch.references import File
from service.cli import output
from service.errors import NoDigit, ServiceError
from service.inference.schemas import ModelName, Prediction, Reading
from tests.support.readings import make_reading

BOX = [10.0, 20.0, 30.0, 40.0]
PREDICTION = Prediction(7, 0.9, False, [0.0] * 7 + [0.9, 0.1, 0.0], ModelName("mnist", "3"))


def test_a_table_has_lines_in_one_cell_and_marks_what_is_uncertain(capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[Reading | ServiceError] = [
        make_reading((7, 0.9, BOX), (2, 0.9, BOX)),
        make_reading((7, 0.9, BOX), (2, 0.4, BOX)),
        NoDigit("Nothing."),
    ]
    assert not output.write_rows("table", rows.READINGS, zip(map(File, "abc"), answers, strict=True), 4)
    assert capsys.readouterr().out.splitlines() == ["file  text", "a     7 2", "b     7 2  uncertain", "c     Nothing."]


def test_csv_has_a_header_and_errors_in_columns_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes: list[Prediction | ServiceError] = [PREDICTION, NoDigit("Nothing, at all.")]
    assert not output.write_rows("csv", rows.PREDICTIONS, zip(map(File, ["a,b", "c"]), outcomes, strict=True), 4)
    digits = ",".join(f"p{digit}" for digit in range(10))
    assert capsys.readouterr().out.splitlines() == [
        f"file,digit,confidence,uncertain,{digits},error,code",
        '"a,b",7,0.9,false,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.9,0.1,0.0,,',
        f'c,{"," * 12},"Nothing, at all.",no_digit',
    ]


def test_json_lines_have_all_fields_of_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert output.write_rows("jsonl", rows.PREDICTIONS, [(File("a"), PREDICTION)], 4)
    row = json.loads(capsys.readouterr().out)
    assert list(row) == ["file", "digit", "confidence", "uncertain", "probabilities", "model"]
    assert (row["file"], row["digit"], row["model"]) == ("a", 7, {"name": "mnist", "version": "3"})
