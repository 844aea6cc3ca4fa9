"""Parse the numbers that a request sends as pixels: lists in, vectors out."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidTensor
from service.preparation.normalize import DIGIT_SHAPE, VECTOR_SIZE

# By the depth of an image's nested lists: their type, and the shape of the image.
_LIST_TYPES: dict[int, Any] = {1: list[float], 2: list[list[float]], 3: list[list[list[float]]]}
_BYTE = Annotated[int, msgspec.Meta(ge=0, le=255)]
_SHAPES = {1: (VECTOR_SIZE,), 2: DIGIT_SHAPE, 3: (*DIGIT_SHAPE, 1)}


def parse_image(value: object, name: str, white: float = 1) -> NDArray[np.float32]:
    """Parse an image, 784 numbers or nested lists of 28x28 or 28x28x1 numbers, to a vector float32 (784,) in [0, 1].

    Args:
        value: the image, with numbers in [0, white].
        name: the name of the image in error messages.
        white: the value of a white pixel.

    Raises:
        InvalidTensor: the value has another form. The message names the wrong element as one of `name`.

    """
    depth = _measure_depth(value)
    forms = f"784 numbers in [0, {white:g}], or 28x28 or 28x28x1 of them"
    if depth not in _LIST_TYPES:
        raise InvalidTensor(f"{name} is not an image: send {forms}.")
    try:
        pixels = np.array(msgspec.convert(value, _LIST_TYPES[depth]), np.float64)
    except msgspec.ValidationError as error:
        raise InvalidTensor(f"{name} is not an image: {error}.".replace("$", name)) from error
    except ValueError:
        raise InvalidTensor(f"{name} is ragged: its lists differ in length. Send {forms}.") from None
    if pixels.shape != _SHAPES[depth]:
        raise InvalidTensor(f"{name} has the shape {pixels.shape}: send {forms}.")
    return scale_pixels(pixels, name, white).astype(np.float32).reshape(-1)


def _measure_depth(value: object) -> int:
    """Return how deep lists are nested, by their first elements; at most 4."""
    depth = 0
    while isinstance(value, list) and value and depth < 4:
        value, depth = value[0], depth + 1
    return depth


def scale_pixels(pixels: NDArray[Any], name: str, white: float) -> NDArray[Any]:
    """Scale pixels of any float dtype and shape from [0, white] to [0, 1].

    Raises:
        InvalidTensor: a pixel is not in [0, white], or is NaN. The message names it.

    """
    if not (pixels.min() >= 0 and pixels.max() <= white):  # rejects NaN, too
        place = int(np.argmin((pixels >= 0) & (pixels <= white)))
        index = "".join(f"[{number}]" for number in np.unravel_index(place, pixels.shape))
        raise InvalidTensor(f"{name}{index} is {pixels.flat[place]}: pixels are numbers in [0, {white:g}].")
    return pixels if white == 1 else pixels / white


def parse_numbers(data: Sequence[object], dtype: type[np.float64 | np.uint8], name: str) -> NDArray[Any]:
    """Parse numbers, flat or in nested lists, to a flat array: uint8 for whole numbers from 0 to 255, or float64.

    Raises:
        InvalidTensor: an element is not such a number, or the lists are ragged. The message names the element.

    """
    list_type: Any = float if dtype is np.float64 else _BYTE
    for _ in range(max(1, _measure_depth(data))):
        list_type = list[list_type]
    try:
        return np.array(msgspec.convert(data, list_type), dtype).reshape(-1)
    except msgspec.ValidationError as error:
        raise InvalidTensor(f"{name} is wrong: {error}.".replace("$", name)) from error
    except ValueError:
        raise InvalidTensor(f"{name} is ragged: its lists differ in length.") from None
