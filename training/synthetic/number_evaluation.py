"""How well numbers are read: digits right, wrong, missed and invented, and numbers right to the last digit."""

from dataclasses import astuple, dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np

from service import parallel
from service.errors import NoDigit, TooManyDigits
from service.inference.predictor import Predictor
from service.models import loading
from service.models.loading import Model
from service.settings import Settings
from training.data.datasets import Digits
from training.synthetic import number_conditions
from training.synthetic.prepare import load_once


@dataclass(frozen=True)
class Counts:
    """What was read in numbers."""

    numbers: int = 0
    whole: int = 0  # right to the last digit, line by line
    digits: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    invented: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(left + right for left, right in zip(astuple(self), astuple(other), strict=True)))


def evaluate(originals: Digits, models_folder: Path, count: int, seed: int) -> dict[str, Counts]:
    """Return what is read in `count` numbers of each condition, by the default version and the finder of a folder.

    The same seed, version and finder give the same counts, on any number of cores.

    Raises:
        ModelError: the finder or every version is damaged, or can't be read.

    """
    work = partial(_evaluate, originals=originals, folder=models_folder, count=count, seed=seed)
    with parallel.pool() as pool:
        pending = {condition: parallel.submit(pool, work, condition) for condition in number_conditions.CONDITIONS}
        return {condition: future.result() for condition, future in pending.items()}


def _evaluate(condition: str, originals: Digits, folder: Path, count: int, seed: int) -> Counts:
    cv2.setNumThreads(1)  # there is a process for each core
    predictor = Predictor(_load_once(folder), load_once(folder), Settings())
    counts = Counts()
    for number in number_conditions.make(originals, condition, count, seed):
        counts += compare("\n".join(number.lines), _read(predictor, number.data))
    return counts


@cache
def _load_once(folder: Path) -> Model:
    return loading.load_default(Settings(models=folder))


def _read(predictor: Predictor, data: bytes) -> str:
    try:
        return predictor.read(data).text
    except (NoDigit, TooManyDigits):
        return ""


def compare(shown: str, read: str) -> Counts:
    """Return what was read of a text: its digits are aligned so that the fewest are wrong, missed or invented."""
    digits, answers = shown.replace("\n", ""), read.replace("\n", "")
    # costs[i, j]: of the first i digits and the first j answers (Wagner and Fischer 1974).
    costs = np.add.outer(np.arange(len(digits) + 1), np.arange(len(answers) + 1))
    for i, digit in enumerate(digits, 1):
        for j, answer in enumerate(answers, 1):
            costs[i, j] = min(costs[i - 1, j] + 1, costs[i, j - 1] + 1, costs[i - 1, j - 1] + (digit != answer))
    right = wrong = 0
    i, j = len(digits), len(answers)
    while i and j:
        if costs[i, j] == costs[i - 1, j - 1] + (digits[i - 1] != answers[j - 1]):
            i, j = i - 1, j - 1
            right, wrong = right + (digits[i] == answers[j]), wrong + (digits[i] != answers[j])
        elif costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    aligned = right + wrong
    return Counts(1, shown == read, len(digits), right, wrong, len(digits) - aligned, len(answers) - aligned)
