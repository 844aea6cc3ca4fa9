"""Squares of an image, as the finder looks at them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Gray = NDArray[np.uint8]
Box = tuple[float, float, float, float]

SIDE_PX = 128  # of the square that the finder's network sees
MARGIN_RATIO = 0.12  # of the longer side, around the whole image


@dataclass(frozen=True)
class Square:
    """A square of an image, in the image's pixels; it may reach beyond the image."""

    left: float
    top: float
    side: float

    @property
    def scale(self) -> float:
        """The image's pixels in one pixel of a look at the square."""
        return self.side / SIDE_PX

    def around(self, box: Box, times: float) -> "Square":
        """Return the square around a box of this square's look (left, top, right, bottom, in look pixels)."""
        side = max(box[2] - box[0], box[3] - box[1]) * times * self.scale
        center_x = self.left + (box[0] + box[2]) / 2 * self.scale
        center_y = self.top + (box[1] + box[3]) / 2 * self.scale
        return Square(center_x - side / 2, center_y - side / 2, side)

    def region(self, box: Box) -> Box:
        """Return the left, top, width and height in the image of a box of this square's look."""
        left, top, right, bottom = (self.scale * edge for edge in box)
        return self.left + left, self.top + top, right - left, bottom - top


class Page:
    """An image to look at, uint8 (height, width). What lies beyond it is of its border's median."""

    def __init__(self, image: Gray) -> None:
        self.height, self.width = image.shape
        self._image = Image.fromarray(image)
        border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        self._beyond = np.uint8(np.median(border))

    def whole(self) -> Square:
        """Return the square around the whole image."""
        side = max(self.width, self.height) * (1 + 2 * MARGIN_RATIO)
        return Square((self.width - side) / 2, (self.height - side) / 2, side)

    def shows(self, square: Square) -> bool:
        """Tell whether a part of a square is in the image."""
        corners = ((square.left, self.width), (square.top, self.height))
        return all(-square.side < start < length for start, length in corners)

    def look(self, square: Square) -> Gray:
        """Return what a square of the image shows, uint8 (128, 128)."""
        scale = SIDE_PX / square.side
        box = (
            max(square.left, 0.0), max(square.top, 0.0),
            min(square.left + square.side, self.width), min(square.top + square.side, self.height),
        )  # fmt: skip
        left, right = (min(max(round((x - square.left) * scale), 0), SIDE_PX) for x in (box[0], box[2]))
        top, bottom = (min(max(round((y - square.top) * scale), 0), SIDE_PX) for y in (box[1], box[3]))
        look = np.full((SIDE_PX, SIDE_PX), self._beyond)
        if right > left and bottom > top:
            size = (right - left, bottom - top)
            part = self._image.resize(size, Image.Resampling.BICUBIC, box, reducing_gap=2.0)
            look[top:bottom, left:right] = np.asarray(part)
        return look
