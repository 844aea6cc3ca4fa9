"""Pictures in other sizes, quickly."""

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]


def resize(picture: Gray, factor: float) -> Gray:
    """Resize a picture uint8 (height, width), keeping its aspect ratio."""
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    while factor <= 0.5 and min(picture.shape) > 1:  # halving is quick, and leaves little for the last step
        height, width = (side // 2 for side in picture.shape)
        even = picture[: 2 * height, : 2 * width]
        picture, factor = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), 2 * factor
    return cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR if factor < 1 else cv2.INTER_CUBIC)
