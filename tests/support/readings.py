"""Readings and digits made by hand."""

import numpy as np

from service.inference.schemas import Line, ModelName, ReadDigit, Reading
from service.preparation.finder import LocatedDigit


def make_reading(*digits: tuple[int, float, list[float]], threshold: float = 0.5) -> Reading:
    """Make a reading of digits, their confidences and boxes, each in a line of its own."""
    lines = [
        Line(str(digit), [ReadDigit(digit, confidence, confidence < threshold, [0.1] * 10, box)])
        for digit, confidence, box in digits
    ]
    return Reading("\n".join(line.text for line in lines), lines, ModelName("mnist", "3"))


def digit_at(left: float, top: float, width: float = 30, height: float = 50) -> LocatedDigit:
    return LocatedDigit(np.ones((round(height), round(width)), np.float32), (left, top, width, height))
