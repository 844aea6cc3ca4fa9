"""What the finder's network marks in a look, and the digits in it: ink votes for the center of its digit.

After Cheng and others 2020, Panoptic-DeepLab: digits that touch come apart, since the ink of each votes for its own
center.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.float32]

CELL_PX = 4  # centers and offsets are for cells of so many pixels
MIN_INK = 0.5
FAINT_INK = 0.05  # the soft edges of ink
UNSURE_INK, SURE_INK = 0.1, 0.8
MIN_CLEARNESS = 0.4  # of the ink of a digit
MIN_CENTER = 0.3
OFFSET_UNIT_PX = 16.0


@dataclass(frozen=True)
class Marks:
    """What the network answers for a look, or for several side by side."""

    ink: Ink  # (height, width), in [0, 1]
    centers: Ink  # (height / 4, width / 4), in [0, 1]
    offsets: Ink  # (height / 4, width / 4, 2), x and y from each cell to its digit's center, in units of 16 pixels


@dataclass(frozen=True)
class Digit:
    """The ink of a digit: float32 (bottom - top, right - left), 0 where there is other ink; its box in look pixels."""

    ink: Ink
    box: tuple[int, int, int, int]  # left, top, right, bottom

    @property
    def extent(self) -> int:
        """Its longer side, in look pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    @property
    def center(self) -> tuple[float, float]:
        """The middle of its box, x and y."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


def separate(marks: Marks) -> list[Digit]:
    """Return the digits: ink belongs to the center that is nearest to the one it votes for; without one, all is one."""
    rows, columns = np.nonzero(cells(marks.ink) > FAINT_INK)
    centers = peaks(marks.centers)
    if len(centers) > 1:
        votes = (np.stack([columns, rows], axis=1) + 0.5) * CELL_PX + marks.offsets[rows, columns] * OFFSET_UNIT_PX
        centers = centers.astype(np.float32)
        # Squared distances, less the votes' own squares, which are the same for every center.
        owner = ((centers**2).sum(axis=1) - 2 * votes.astype(np.float32) @ centers.T).argmin(axis=1)
    else:
        owner = np.zeros(len(rows), np.int64)
    return list(_digits(marks.ink, rows, columns, owner))


def cells(ink: Ink) -> Ink:
    """Return the most ink of each cell, float32 (height / 4, width / 4)."""
    height, width = (side // CELL_PX for side in ink.shape)
    most: Ink = ink.reshape(height, CELL_PX, width, CELL_PX).max(axis=(1, 3))
    return most


def peaks(centers: Ink) -> NDArray[np.floating]:
    """Return x, y (n, 2), in look pixels, of the marked centers, float32 (rows, columns), that are highest around."""
    padded = np.pad(centers, 1)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max(axis=(2, 3))
    rows, columns = np.nonzero((centers >= around) & (centers > MIN_CENTER))
    return (np.stack([columns, rows], axis=1) + 0.5) * CELL_PX


def clearness(ink: Ink) -> float:
    """Return the part of ink that is marked surely, in [0, 1].

    It is little where digits are too small to be told, and where there is none: of 35 images without a digit in which
    ink was found, 30 were below 0.4, of 1,520 uploads 5, of 2,180 images that people published none.
    """
    marked = ink[ink > UNSURE_INK]
    return float(marked[marked > SURE_INK].sum() / max(marked.sum(), 1e-6))


def surest(centers: Ink) -> tuple[float, float] | None:
    """Return x, y of the surest of the marked centers, in look pixels; None where none is marked."""
    row, column = np.unravel_index(centers.argmax(), centers.shape)
    if centers[row, column] <= MIN_CENTER:
        return None
    return (float(column) + 0.5) * CELL_PX, (float(row) + 0.5) * CELL_PX


def _digits(ink: Ink, rows: NDArray[np.intp], columns: NDArray[np.intp], owner: NDArray[np.intp]) -> Iterator[Digit]:
    """Yield the digit of each owner of cells, at these rows and columns."""
    order = np.argsort(owner, kind="stable")
    for cells in np.split(order, np.flatnonzero(np.diff(owner[order])) + 1):
        if len(cells):
            digit = _cut(ink, rows[cells], columns[cells])
            if digit is not None:
                yield digit


def _cut(ink: Ink, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Digit | None:
    """Return the digit whose ink is in some cells, or None where none is dark enough."""
    top, left = int(rows.min()), int(columns.min())
    own = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), np.float32)
    own[rows - top, columns - left] = 1
    own = own.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)
    patch = ink[top * CELL_PX :, left * CELL_PX :][: own.shape[0], : own.shape[1]]
    own *= np.where(patch > FAINT_INK, patch, 0)
    lines, places = (np.flatnonzero((own > MIN_INK).any(axis=axis)) for axis in (1, 0))
    if not len(lines):
        return None
    own = own[lines[0] : lines[-1] + 1, places[0] : places[-1] + 1]
    left, top = left * CELL_PX + int(places[0]), top * CELL_PX + int(lines[0])
    return Digit(own, (left, top, left + own.shape[1], top + own.shape[0]))
