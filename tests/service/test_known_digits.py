"""A model that misreads the known digits has a fault, which names a scale that would help."""

from pathlib import Path

import numpy as np

from service.models import known_digits
from service.models.runtimes import LiteRT
from service.preparation.types import Floats


def test_there_are_three_of_each_digit_and_every_shipped_version_reads_them(shipped: Path) -> None:
    vectors, labels = known_digits.load()
    assert vectors.shape == (30, 784)
    assert (vectors.min(), vectors.max()) == (0, 1)
    assert np.bincount(labels).tolist() == [3] * 10
    for version in shipped.parent.glob("[0-9]*"):
        np.testing.assert_array_equal(LiteRT(version).predict(vectors).argmax(axis=1), labels)
        assert known_digits.find_fault(LiteRT(version).predict, 1) == ""


def test_a_model_of_another_scale_is_told_the_scale(shipped: Path) -> None:
    model = LiteRT(shipped)

    def predict(vectors: Floats) -> Floats:  # as a model whose white is 255
        return model.predict(vectors / np.float32(255))

    assert known_digits.find_fault(lambda vectors: predict(vectors * np.float32(255)), 255) == ""
    fault = known_digits.find_fault(predict, 1)
    assert fault.endswith(' {"input": {"scale": 255}}, or by MNIST_INPUT_SCALE=255, for all without a card.')


def test_a_model_that_always_reads_the_same_digit_has_a_fault() -> None:
    def predict(vectors: Floats) -> Floats:
        probabilities = np.zeros((len(vectors), 10), np.float32)
        probabilities[:, 4] = 1
        return probabilities

    assert known_digits.find_fault(predict, 1) == "It reads 27 of 30 known digits wrong."
