"""Strokes of a pen: lines, curves and arcs, and how hands vary them.

A stroke is float64 (n, 2): points x, y in units of the digit's height, y downwards.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Stroke = NDArray[np.float64]
Forms = list[tuple[Callable[[Generator], list[Stroke]], float]]  # what writes each, and how often it is written

POINTS_PER_CURVE = 24  # lines have only their corners
SLANT_RANGE = (-0.15, 0.35)  # x for each y, to the right; most hands lean forward
MAX_TURN_RAD = np.radians(6)
WIDTH_FACTOR_RANGE = (0.8, 1.3)
BEND_SPREAD = 0.0225  # of the height: standard deviation of the waves that bend a form
TREMOR_SPREAD = 0.006  # of the height: standard deviation of each point


def line(*points: ArrayLike) -> Stroke:
    """Return the straight lines from point to point."""
    return np.array(points, np.float64)


def curve(*points: ArrayLike) -> Stroke:
    """Return the curve through points, a Catmull-Rom spline."""
    ends = np.array([points[0], *points, points[-1]], np.float64)
    ends[0], ends[-1] = 2 * ends[1] - ends[2], 2 * ends[-2] - ends[-3]
    places = np.linspace(0, len(points) - 1, POINTS_PER_CURVE)
    start = np.minimum(places.astype(int), len(points) - 2)
    t = (places - start)[:, None]
    a, b, c, d = (ends[start + shift] for shift in range(4))
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def arc(center: tuple[float, float], radii: tuple[float, float], start_deg: float, stop_deg: float) -> Stroke:
    """Return a part of an ellipse, between two angles, clockwise from its top."""
    angles = np.radians(np.linspace(start_deg, stop_deg, POINTS_PER_CURVE))
    return np.array(center) + np.array(radii) * np.stack([np.sin(angles), -np.cos(angles)], axis=1)


def join(*strokes: Stroke) -> Stroke:
    """Return strokes as one, written without lifting the pen."""
    return np.concatenate(strokes)


def bend(strokes: list[Stroke], rng: Generator) -> list[Stroke]:
    """Return the strokes of a digit, all slanted, turned, widened and smoothly bent alike."""
    slant, turn = rng.uniform(*SLANT_RANGE), rng.uniform(-MAX_TURN_RAD, MAX_TURN_RAD)
    width = np.exp(rng.uniform(*np.log(WIDTH_FACTOR_RANGE)))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ [[width, -slant], [0, 1]]
    heights, shifts = rng.normal(0, BEND_SPREAD, (2, 2, 2)), rng.uniform(0, 2 * np.pi, (2, 2, 2))
    bent = []
    for stroke in strokes:
        phases = 2 * np.pi * stroke[:, None, :, None] * np.array([0.5, 1.0]) + shifts
        bent.append(stroke @ matrix.T + (heights * np.sin(phases)).sum(axis=(2, 3)))
    return bent


def tremble(stroke: Stroke, rng: Generator) -> Stroke:
    """Return a stroke whose points are moved a little, each by itself."""
    return stroke + rng.normal(0, TREMOR_SPREAD, stroke.shape)


def fit_to_height(strokes: list[Stroke]) -> list[Stroke]:
    """Return strokes moved to (0, 0), and scaled to a height of 1; flat strokes are scaled less."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    return [(stroke - low) / max(high[1] - low[1], 0.5) for stroke in strokes]
