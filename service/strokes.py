"""What strokes of a pen are, and shade, stains and noise are not."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.float32]

# What nearly all of 2,000 uploads keep to.
STEEP = 5.5  # the darkness that its edges gain or lose over a length of its height: 6.8
SLENDER = 0.6  # at most, its strokes' width to its height: 0.58
LONGEST = 7  # at most, its strokes' length to its height: 4.9, with crayon 6.6; grain has long edges

BROADER = 2.5  # times than half of its strokes: something else hangs on to them; of 100 digits, 2 have full loops
BLOCK = 0.36  # its broadest part's width to its height, of what may be a shadow alone
DEEP = 0.7  # of the half width of its broadest part: what is deeper is that part's middle
LIGHTER = 0.83  # times as dark as the darkest ink: shade; chalk is uneven, down to 0.85


@dataclass(frozen=True)
class Strokes:
    """Ink that may be a digit's, all of it in a picture, float32 (height, width)."""

    ink: Ink  # in [0, 1]
    density: Ink  # how dark it is: 1 is full strength

    @property
    def are_written(self) -> bool:
        """Whether they have edges, and are as narrow and as long as a pen's."""
        inside, height = (self.ink > 0.5).view(np.uint8), max(self.ink.shape)
        edge = inside > cv2.erode(inside, np.ones((3, 3), np.uint8))
        if not edge.any():
            return False
        slope = np.hypot(*(cv2.Sobel(self.density, cv2.CV_32F, *axis, scale=1 / 8)[edge] for axis in ((1, 0), (0, 1))))
        # Unlike `_depth`: ink that reaches the border of the picture goes on beyond it.
        width = 2 * float(cv2.distanceTransform(inside, cv2.DIST_L2, 3).max())
        length = np.count_nonzero(edge) / 2
        return bool(np.median(slope) * height > STEEP) and width < SLENDER * height and length < LONGEST * height

    @property
    def are_of_one_pen(self) -> bool:
        """Whether they are about as wide everywhere, and no block of shade: else they are not the digit's alone."""
        middle = (self._depth > 0) & (self._depth >= cv2.dilate(self._depth, np.ones((3, 3), np.uint8)))
        broadest, usual = float(self._depth.max()), float(np.median(self._depth[middle]))
        is_block = broadest > BLOCK / 2 * max(self.ink.shape) and self._are_shaded
        return broadest < BROADER * usual and not is_block

    @property
    def _are_shaded(self) -> bool:
        """Whether their broadest part is lighter than the rest, as shade is, and a loop full of ink is not."""
        broadest = self.density[self._depth > DEEP * self._depth.max()]
        return bool(np.median(broadest) < LIGHTER * np.percentile(self.density[self._depth > 0], 97))

    @cached_property
    def _depth(self) -> NDArray[np.float32]:
        """How far each pixel of ink is from its edge, in pixels."""
        inside = np.pad((self.ink > 0.5).view(np.uint8), 1)
        depth: NDArray[np.float32] = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
        return depth[1:-1, 1:-1]
