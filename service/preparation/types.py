"""Types of images, ink and boxes, which all packages share."""

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]  # pixels of a gray image (height, width), of a digit (28, 28), or of digits (n, 28, 28)
Floats = NDArray[np.float32]
Ink = NDArray[np.float32]  # how much of each pixel (height, width) is ink, in [0, 1]

Box = tuple[float, float, float, float]  # left, top, width, height, in the image's pixels
Edges = tuple[float, float, float, float]  # left, top, right, bottom, in the pixels of a look
