"""The marks on a page: which of them is the digit, and which are frames, bands, underlines, dust or other writing."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.errors import NoDigit

Mask = NDArray[np.uint8]

# No digit is so many times wider than tall; and a line that goes on to both sides of one, by such a part of the one's
# longer side, is what it is written on. Where it is so many times wider than tall, it may go on by less.
FLAT = 3.5
OVERHANG = 0.25
THIN = 9
# A part as heavy, compared with the main one, may lie so far from it, in the main one's longer side; others less.
HEAVY = 0.4
GAPS = 0.4, 0.22
# Shade is lighter than this, compared with the main mark. So are hairlines: of fewer pixels to each of their extent.
LIGHT, HAIRLINE = 0.7, 8
# A frame is drawn within this part of its sides, and what it is around is no smaller than this, compared with it.
FRAME, LARGE = 0.12, 0.25
# The digit is at least this part of all that is written; of 2,000 uploads it was 0.64.
STANDS_OUT = 0.4


@dataclass(frozen=True)
class Marks:
    """All connected marks of a picture. Index 0 is the paper between them, and never counts."""

    labels: NDArray[np.uint16]  # (height, width): the mark that each pixel belongs to
    mass: NDArray[np.float64]  # (n,): sum of its ink
    area: NDArray[np.int32]  # (n,): its pixels
    box: NDArray[np.int32]  # (n, 4): left, top, width, height
    center: NDArray[np.float64]  # (n, 2): x, y, as parts of the picture
    contact: NDArray[np.int64]  # (n,): pixels of the picture's border that it covers

    @property
    def right(self) -> NDArray[np.int32]:
        """Where each mark ends."""
        return self.box[:, 0] + self.box[:, 2]

    @property
    def extent(self) -> NDArray[np.int32]:
        """The longer side of each mark."""
        return self.box[:, 2:].max(axis=1)


def choose(marks: Marks) -> Mask:
    """Choose, of all that is written, what is most a digit, and what belongs to it: a mask uint8 (height, width).

    Raises:
        NoDigit: nothing is written, or too much that is none.

    """
    height, width = marks.labels.shape
    outside = _runs_along_the_border(marks) | (marks.contact > 0.6 * (width + height))
    # Large and dark, near the middle; what covers much of the border is rather what lies around the page.
    away = np.hypot(*(marks.center - 0.5).T)
    score = np.sqrt(marks.mass) * marks.extent * (1 - 0.6 * away) * np.exp(-12 * marks.contact / (width + height))
    flat = marks.box[:, 2] > FLAT * marks.box[:, 3]
    score[outside | flat] = 0
    main = int(score.argmax())
    if not score[main]:
        raise NoDigit("There is no digit in the picture.")
    beyond = np.minimum(marks.box[main, 0] - marks.box[:, 0], marks.right - marks.right[main])
    thin = marks.box[:, 2] > THIN * marks.box[:, 3]
    lines = flat & (beyond > np.where(thin, 0, OVERHANG * marks.extent[main]))
    around = outside | lines | (marks.contact > 0.2 * (width + height))
    heavy = marks.mass > HEAVY * marks.mass[main]
    chosen = _joined(marks, main, _are_parts(marks, main) & ~around, np.where(heavy, *GAPS) * marks.extent[main])
    if marks.mass[chosen].sum() < STANDS_OUT * marks.mass[~around].sum():
        raise NoDigit("There is no digit in the picture: of its many marks none stands out.")
    return chosen[marks.labels].astype(np.uint8)


def without_frames(written: Mask, marks: Marks) -> Mask:
    """Take its marks that are frames around others out of what is written."""
    frames = _frames(marks)
    return np.where(frames[marks.labels], np.uint8(0), written) if frames.any() else written


def measure(written: Mask, density: NDArray[np.float32]) -> Marks:
    """Measure the marks in what is written, uint8 (height, width) of 0 and 1, and in how dark the ink is."""
    # Pencil, chalk and noise leave gaps of a pixel within a stroke.
    whole = cv2.morphologyEx(written, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, centers = cv2.connectedComponentsWithStats(whole, ltype=cv2.CV_16U)
    inked = written > 0
    mass = np.bincount(labels[inked], density[inked], count).astype(np.float64)
    height, width = written.shape
    rim = np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]])
    contact = np.bincount(rim, minlength=count)
    mass[0] = contact[0] = 0
    return Marks(labels, mass, stats[:, 4], stats[:, :4], centers / (width, height), contact)


def _runs_along_the_border(marks: Marks) -> NDArray[np.bool_]:
    """Tell which marks are bands along an edge, as scans have them."""
    narrow = marks.box[:, 2:].min(axis=1) < 0.12 * min(marks.labels.shape)
    return narrow & (marks.contact > 0.6 * marks.extent) & (marks.extent > 0.3 * min(marks.labels.shape))


def _frames(marks: Marks) -> NDArray[np.bool_]:
    """Tell which large marks are frames or rings around another."""
    frames = np.zeros(len(marks.mass), bool)
    for index in np.flatnonzero(marks.extent[1:] > 0.4 * min(marks.labels.shape)) + 1:
        frames[index] = _is_around_another(marks, int(index))
    return frames


def _is_around_another(marks: Marks, index: int) -> bool:
    """Tell whether another mark is nearly all that there is within this one's oval, and no dust in a 0."""
    left, top, width, height = marks.box[index]
    around = marks.labels[top : top + height, left : left + width]
    axes = int((0.5 - FRAME) * width), int((0.5 - FRAME) * height)
    oval = cv2.ellipse(np.zeros_like(around, np.uint8), (width // 2, height // 2), axes, 0, 0, 360, 1, cv2.FILLED)
    found = np.bincount(around[oval > 0], minlength=len(marks.mass))
    own, found[[0, index]] = found[index], 0
    return 10 * own < found.sum() and bool(marks.extent[found.argmax()] > LARGE * marks.extent[index])


def _are_parts(marks: Marks, main: int) -> NDArray[np.bool_]:
    """Tell which marks are large and dark enough for parts of another, and no dust or shade."""
    darkness = marks.mass / np.maximum(marks.area, 1)
    is_dark = (darkness > LIGHT * darkness[main]) | (marks.area < HAIRLINE * marks.extent)
    return (marks.mass > 0.04 * marks.mass[main]) & (marks.extent > 0.15 * marks.extent[main]) & is_dark


def _joined(marks: Marks, main: int, parts: NDArray[np.bool_], gaps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Join to a mark the parts that lie within their gaps of it, and then those near them: the bar of a 5 may float."""
    chosen = np.arange(len(parts)) == main
    parts[0] = False
    while (parts & ~chosen).any():
        away = cv2.distanceTransform((~chosen[marks.labels]).astype(np.uint8), cv2.DIST_L2, 3)
        near = np.bincount(marks.labels[away < gaps[marks.labels]], minlength=len(parts)) > 0
        if not (near & parts & ~chosen).any():
            break
        chosen |= near & parts
    return chosen
