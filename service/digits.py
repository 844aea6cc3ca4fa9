"""Grayscale pictures into the 28x28 form of MNIST, and that into the network's float32 vectors.

MNIST shows white ink on black. This is the one place where pixels are scaled: training uses it too.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import WrongImageSize

SIDE = 28


def prepare(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make a digit as MNIST drew them, light ink on dark, uint8 (28, 28), of a picture uint8 (height, width).

    A picture of 28x28 is taken as it is; any other is resized, and inverted where its border is light.
    """
    if picture.shape == (SIDE, SIDE):
        return picture
    resized = np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX))
    return 255 - resized if np.median(_border(resized)) > 127 else resized


def take(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take a picture uint8 (28, 28) for a digit as it is.

    Raises:
        WrongImageSize: the picture has another size.

    """
    if picture.shape != (SIDE, SIDE):
        height, width = picture.shape
        raise WrongImageSize(f"Without preparation a picture must be {SIDE}x{SIDE}; this one is {width}x{height}.")
    return picture


def scale(digits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale digits uint8 (n, 28, 28), or one of (28, 28), to vectors float32 (n, 784) in [0, 1]."""
    return digits.reshape(-1, SIDE * SIDE).astype(np.float32) / np.float32(255)


def _border(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])
