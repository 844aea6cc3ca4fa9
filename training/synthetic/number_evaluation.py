"""Evaluation on numbers: digits right, wrong, missed and invented, and numbers right as a whole."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from service import parallel
from service.errors import NoDigit, TooManyDigits
from service.inference.predictor import Predictor
from service.models import loading
from service.models.loading import Model
from service.settings import Settings
from training.data.datasets import Digits
from training.synthetic import number_conditions
from training.synthetic.prepare import load_finder


@dataclass(frozen=True)
class NumberCounts:
    """Numbers, and the digits in them, as they were read."""

    numbers: int = 0
    whole: int = 0  # all digits and lines right
    digits: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    invented: int = 0

    def __add__(self, other: "NumberCounts") -> "NumberCounts":
        return NumberCounts(*(left + right for left, right in zip(astuple(self), astuple(other), strict=True)))


def evaluate(originals: Digits, models_folder: Path, count: int, seed: int) -> dict[str, NumberCounts]:
    """Count digits read in `count` numbers of each condition, by the default version and the finder of a folder.

    The same seed, version and finder give the same counts, on any number of cores.

    Raises:
        ModelError: the finder or every version is damaged, or can't be read.

    """
    work = partial(_evaluate, originals=originals, folder=models_folder, count=count, seed=seed)
    with parallel.pool() as pool:
        pending = {condition: parallel.submit(pool, work, condition) for condition in number_conditions.CONDITIONS}
        return {condition: future.result() for condition, future in pending.items()}


def _evaluate(condition: str, originals: Digits, folder: Path, count: int, seed: int) -> NumberCounts:
    cv2.setNumThreads(1)  # there is a process for each core
    predictor = Predictor(_load_model(folder), load_finder(folder), Settings())
    counts = NumberCounts()
    for number in number_conditions.draw_numbers(originals, condition, count, seed):
        counts += compare("\n".join(number.lines), _read_text(predictor, number.data))
    return counts


@cache
def _load_model(folder: Path) -> Model:
    return loading.load_default(Settings(models=folder))


def _read_text(predictor: Predictor, data: bytes) -> str:
    try:
        return predictor.read(data).text
    except (NoDigit, TooManyDigits):
        return ""


def compare(shown: str, read: str) -> NumberCounts:
    """Count the digits of a text that were read, aligned so that the fewest are wrong, missed or invented."""
    digits, answers = shown.replace("\n", ""), read.replace("\n", "")
    pairs = list(_align(digits, answers))
    right = sum(digit == answer for digit, answer in pairs)
    missed, invented = len(digits) - len(pairs), len(answers) - len(pairs)
    return NumberCounts(1, shown == read, len(digits), right, len(pairs) - right, missed, invented)


def _align(digits: str, answers: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of digit and answer of the cheapest alignment, from the last to the first."""
    costs = _align_costs(digits, answers)
    i, j = len(digits), len(answers)
    while i and j:
        if costs[i, j] == costs[i - 1, j - 1] + (digits[i - 1] != answers[j - 1]):
            i, j = i - 1, j - 1
            yield digits[i], answers[j]
        elif costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1


def _align_costs(digits: str, answers: str) -> NDArray[np.int64]:
    """Return the edit distance of the first i digits and the first j answers at [i, j] (Wagner and Fischer 1974)."""
    costs = np.add.outer(np.arange(len(digits) + 1), np.arange(len(answers) + 1))
    for i, digit in enumerate(digits, 1):
        for j, answer in enumerate(answers, 1):
            costs[i, j] = min(costs[i - 1, j] + 1, costs[i, j - 1] + 1, costs[i - 1, j - 1] + (digit != answer))
    return costs
