"""Which of the user's held-out images a version misreads."""

from pathlib import Path

import numpy as np

from service.models.runtimes import LiteRT
from training.data.batches import NO_DIGIT
from training.data.datasets import Dataset, Digits
from training.evaluate import find_misread


def test_an_image_without_a_digit_is_misread_unless_its_answer_is_uncertain(shipped: Path, mnist: Dataset) -> None:
    blank, seven = np.zeros((28, 28), np.uint8), mnist.x_test[0]
    digits = Digits(np.stack([seven, seven, seven, blank]), np.array([7, 1, NO_DIGIT, NO_DIGIT], np.uint8))
    assert find_misread(LiteRT(shipped), digits, threshold=0.76).tolist() == [False, True, True, False]
