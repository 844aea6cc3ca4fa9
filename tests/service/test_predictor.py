"""The predictor, without HTTP: files in, predictions and readings out, and what it reports to its instrumentation."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import pytest

from service.errors import EmptyImage, NoDigit, TooManyDigits, WrongImageSize
from service.inference.predictor import Predictor, Stage
from service.inference.schemas import Prediction, Reading
from service.models import loading
from service.preparation.finder import Finder
from service.preparation.types import Floats
from service.settings import Settings
from tests.support.images import png
from training.data.datasets import Dataset


class Events:
    """An instrumentation that lists the calls."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def on_images(self, images: int) -> None:
        self.calls.append(("images", images))

    def stage(self, name: Stage) -> AbstractContextManager[object]:
        self.calls.append(name)
        return nullcontext()

    def on_predictions(self, version: int, probabilities: Floats) -> None:
        self.calls.append(("predictions", version, len(probabilities)))

    def on_read_digits(self, version: int, probabilities: Floats) -> None:
        self.calls.append(("digits", version, len(probabilities)))


@pytest.fixture
def seven(mnist: Dataset) -> bytes:
    """The first test image, as a file."""
    return png(mnist.x_test[0])


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def predictor(finder: Finder, events: Events) -> Predictor:
    return Predictor(loading.load_default(Settings()), finder, Settings(), events)


def two_digits(mnist: Dataset) -> bytes:
    return png(np.hstack([mnist.x_test[0], mnist.x_test[1]]).repeat(4, axis=0).repeat(4, axis=1))


def test_a_file_is_decoded_prepared_and_predicted(predictor: Predictor, events: Events, seven: bytes) -> None:
    prediction = predictor.predict([predictor.prepare(seven)])[0]
    assert (prediction.digit, prediction.uncertain, prediction.model) == (7, False, predictor.model_name)
    assert prediction.confidence == max(prediction.probabilities)
    assert events.calls == [("images", 1), "decode", "prepare", "predict", ("predictions", 3, 1)]


def test_a_bad_file_has_its_error_in_its_place(predictor: Predictor, events: Events, seven: bytes) -> None:
    empty, prediction = predictor.predict_files([b"", seven])
    assert isinstance(empty, EmptyImage)
    assert isinstance(prediction, Prediction)
    assert events.calls[0] == ("images", 2)
    assert events.calls[-1] == ("predictions", 3, 1)
    assert predictor.predict_files([]) == predictor.predict([]) == []


def test_all_digits_are_read(predictor: Predictor, events: Events, mnist: Dataset) -> None:
    reading, empty = predictor.read_files([two_digits(mnist), png(np.full((90, 90), 255, np.uint8))])
    assert isinstance(reading, Reading)
    assert (reading.text, len(reading.lines)) == ("72", 1)
    assert isinstance(empty, NoDigit)
    assert ("digits", 3, 2) in events.calls


def test_an_image_that_is_used_unchanged_has_28x28_pixels(predictor: Predictor, mnist: Dataset) -> None:
    np.testing.assert_array_equal(predictor.normalize(png(mnist.x_test[0]), "none"), mnist.x_test[0])
    with pytest.raises(WrongImageSize):
        predictor.normalize(png(np.zeros((30, 30), np.uint8)), "none")


def test_an_explanation_has_the_prediction(predictor: Predictor, seven: bytes) -> None:
    explanation = predictor.explain(seven)
    assert explanation.probabilities == predictor.predict([predictor.prepare(seven)])[0].probabilities
    assert np.shape(explanation.importance) == (28, 28)


@pytest.mark.parametrize(("threshold", "is_refused"), [(0.0, True), (1.0, False)])
def test_only_sure_digits_count_for_the_limit(
    finder: Finder, mnist: Dataset, threshold: float, is_refused: bool
) -> None:
    model = replace(loading.load_default(Settings()), threshold=threshold)
    outcome = Predictor(model, finder, Settings(max_digits=1)).read_files([two_digits(mnist)])[0]
    assert isinstance(outcome, TooManyDigits if is_refused else Reading)
