"""What strokes of a pen are, and shade, stains and noise are not.

Ink is float32 (height, width) in [0, 1]; density, of the same shape, is how dark it is, of which 1 is full strength.
"""

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
LIGHTER = 0.9  # times as dark as the darkest ink: shade


def are_written(ink: Ink, density: Ink) -> bool:
    """Tell whether ink has edges and strokes."""
    inside, height = (ink > 0.5).view(np.uint8), max(ink.shape)
    edge = inside > cv2.erode(inside, np.ones((3, 3), np.uint8))
    if not edge.any():
        return False
    slope = np.hypot(*(cv2.Sobel(density, cv2.CV_32F, *axis, scale=1 / 8)[edge] for axis in ((1, 0), (0, 1))))
    width = 2 * float(cv2.distanceTransform(inside, cv2.DIST_L2, 3).max())
    length = np.count_nonzero(edge) / 2
    return bool(np.median(slope) * height > STEEP) and width < SLENDER * height and length < LONGEST * height


def are_of_one_pen(ink: Ink, density: Ink) -> bool:
    """Tell whether strokes are about as wide everywhere, and no block of shade: else more was found than strokes."""
    depth = _depth(ink)
    ridge = depth[(depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))]
    is_block = depth.max() > BLOCK / 2 * max(ink.shape) and are_shaded(ink, density)
    return not is_block and bool(depth.max() < BROADER * np.median(ridge))


def are_shaded(ink: Ink, density: Ink) -> bool:
    """Tell whether the broadest part is lighter than the strokes, as shade is, and a loop full of ink is not."""
    depth = _depth(ink)
    broadest = density[depth > DEEP * depth.max()]
    return bool(np.median(broadest) < LIGHTER * np.percentile(density[depth > 0], 97))


def _depth(ink: Ink) -> NDArray[np.float32]:
    """Measure how far each pixel of ink is from its edge."""
    inside = np.pad((ink > 0.5).view(np.uint8), 1)
    depth: NDArray[np.float32] = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    return depth[1:-1, 1:-1]
