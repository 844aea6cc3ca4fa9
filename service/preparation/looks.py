"""Looks: squares of an image at 128x128, as the finder sees them."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from service.preparation.quantiles import median
from service.preparation.types import Box, Edges, Gray

LOOK_SIDE_PX = 128
MARGIN_RATIO = 0.12  # of the longer side, around the whole image


@dataclass(frozen=True)
class Square:
    """A square of an image, in the image's pixels. It may reach beyond the image."""

    left: float
    top: float
    side: float

    @property
    def scale(self) -> float:
        """The number of the image's pixels in one pixel of a look at the square."""
        return self.side / LOOK_SIDE_PX

    def zoom(self, edges: Edges, ratio: float) -> "Square":
        """Return the square around a part of this square's look, `ratio` times as long as the part's longer side."""
        left, top, right, bottom = edges
        side = max(right - left, bottom - top) * ratio * self.scale
        center_x = self.left + (left + right) / 2 * self.scale
        center_y = self.top + (top + bottom) / 2 * self.scale
        return Square(center_x - side / 2, center_y - side / 2, side)

    def to_box(self, edges: Edges) -> Box:
        """Return where a part of this square's look is in the image."""
        left, top, right, bottom = (self.scale * edge for edge in edges)
        return self.left + left, self.top + top, right - left, bottom - top


class PaddedImage:
    """An image uint8 (height, width), continued on all sides with the median of its border."""

    def __init__(self, image: Gray) -> None:
        self.height, self.width = image.shape
        self._image = Image.fromarray(image)
        border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        self._padding = np.uint8(median(border))

    def whole(self) -> Square:
        """Return the square around the whole image."""
        side = max(self.width, self.height) * (1 + 2 * MARGIN_RATIO)
        return Square((self.width - side) / 2, (self.height - side) / 2, side)

    def overlaps(self, square: Square) -> bool:
        """Return whether a part of a square is in the image."""
        sides = ((square.left, self.width), (square.top, self.height))
        return all(-square.side < start < length for start, length in sides)

    def crop(self, square: Square) -> Gray:
        """Return the look at a square, uint8 (128, 128)."""
        left, right = max(square.left, 0.0), min(square.left + square.side, self.width)
        top, bottom = max(square.top, 0.0), min(square.top + square.side, self.height)
        columns = slice(_to_look(left - square.left, square), _to_look(right - square.left, square))
        rows = slice(_to_look(top - square.top, square), _to_look(bottom - square.top, square))
        look = np.full((LOOK_SIDE_PX, LOOK_SIDE_PX), self._padding)
        if columns.stop > columns.start and rows.stop > rows.start:
            size = (columns.stop - columns.start, rows.stop - rows.start)
            box = (left, top, right, bottom)
            look[rows, columns] = np.asarray(self._image.resize(size, Image.Resampling.BICUBIC, box, reducing_gap=2.0))
        return look


def _to_look(distance: float, square: Square) -> int:
    """Return the pixel of a look at a distance from the square's edge, in the image's pixels."""
    scale = LOOK_SIDE_PX / square.side
    return min(max(round(distance * scale), 0), LOOK_SIDE_PX)
