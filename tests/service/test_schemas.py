"""The JSON of responses."""

import msgspec
import pytest

from service.errors import NoDigit
from service.inference.schemas import ErrorResponse, Line, ModelName, Prediction, ReadDigit, Reading

MODEL = ModelName("mnist", "3")


def read_digit(digit: int) -> ReadDigit:
    return ReadDigit(digit, 1.0, False, [float(digit == number) for number in range(10)], [1.0, 2.0, 3.0, 4.0])


def test_a_prediction_as_json() -> None:
    prediction = Prediction(7, 0.75, True, [0.0] * 10, MODEL)
    assert msgspec.to_builtins(prediction) == {
        "digit": 7,
        "confidence": 0.75,
        "uncertain": True,
        "probabilities": [0.0] * 10,
        "model": {"name": "mnist", "version": "3"},
    }
    assert msgspec.json.decode(msgspec.json.encode(prediction), type=Prediction) == prediction


@pytest.mark.parametrize("name", ["digit", "confidence", "probabilities"])
def test_the_schema_has_the_limits(name: str) -> None:
    document = msgspec.to_builtins(Prediction(7, 0.75, True, [0.0] * 10, MODEL))
    document[name] = [0.0] * 9 if name == "probabilities" else 10
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert(document, Prediction)


def test_a_reading_lists_the_digits_of_all_lines() -> None:
    lines = [Line("42", [read_digit(4), read_digit(2)]), Line("7", [read_digit(7)])]
    assert [digit.digit for digit in Reading("42\n7", lines, MODEL).digits] == [4, 2, 7]


def test_an_error_has_its_sentence_and_code() -> None:
    response = ErrorResponse.of(NoDigit("There is no digit in the image."))
    assert msgspec.to_builtins(response) == {"error": "There is no digit in the image.", "code": "no_digit"}
