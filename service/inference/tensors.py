"""Numbers that a request sends as pixels: lists in, vectors out."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidTensor
from service.preparation.normalize import SIDE

# How deep the lists of one picture are nested, and what they then are.
_TYPES: dict[int, Any] = {1: list[float], 2: list[list[float]], 3: list[list[list[float]]]}
_BYTE = Annotated[int, msgspec.Meta(ge=0, le=255)]
_SHAPES = {1: (SIDE * SIDE,), 2: (SIDE, SIDE), 3: (SIDE, SIDE, 1)}


def from_list(picture: object, name: str, white: float = 1) -> NDArray[np.float32]:
    """Turn a picture, 784 numbers or lists of 28x28 or 28x28x1 of them, into a vector float32 (784,) in [0, 1].

    Args:
        picture: of numbers in [0, white].
        name: what it is called in errors.
        white: the number that white is to the model.

    Raises:
        InvalidTensor: it is something else; what is wrong in it is named, as an element of `name`.

    """
    depth = _depth(picture)
    forms = f"{SIDE * SIDE} numbers in [0, {white:g}], or {SIDE}x{SIDE} or {SIDE}x{SIDE}x1 of them"
    if depth not in _TYPES:
        raise InvalidTensor(f"{name} is not a picture: send {forms}.")
    try:
        pixels = np.array(msgspec.convert(picture, _TYPES[depth]), np.float64)
    except msgspec.ValidationError as error:
        raise InvalidTensor(f"{name} is not a picture: {error}.".replace("$", name)) from error
    except ValueError:
        raise InvalidTensor(f"{name} is ragged: its lists differ in length. Send {forms}.") from None
    if pixels.shape != _SHAPES[depth]:
        raise InvalidTensor(f"{name} has the shape {pixels.shape}: send {forms}.")
    return scale_numbers(pixels, name, white).astype(np.float32).reshape(-1)


def _depth(value: object) -> int:
    """Count how deep lists are nested, by their first elements; more than four levels count as four."""
    depth = 0
    while isinstance(value, list) and value and depth < 4:
        value, depth = value[0], depth + 1
    return depth


def scale_numbers(pixels: NDArray[Any], name: str, white: float) -> NDArray[Any]:
    """Scale pixels of any float dtype and shape, all in [0, white], to [0, 1].

    Raises:
        InvalidTensor: one is not, or is no number.

    """
    if not (pixels.min() >= 0 and pixels.max() <= white):  # so that NaN is refused too
        place = int(np.argmin((pixels >= 0) & (pixels <= white)))
        index = "".join(f"[{number}]" for number in np.unravel_index(place, pixels.shape))
        raise InvalidTensor(f"{name}{index} is {pixels.flat[place]}: pixels are numbers in [0, {white:g}].")
    return pixels if white == 1 else pixels / white


def from_numbers(data: Sequence[object], kind: type[np.float64 | np.uint8], name: str) -> NDArray[Any]:
    """Turn numbers, flat or in nested lists, into a flat array: uint8 of whole numbers from 0 to 255, or float64.

    Raises:
        InvalidTensor: there is something else among them, which is named as an element of `name`; or they are ragged.

    """
    expected: Any = float if kind is np.float64 else _BYTE
    for _ in range(max(1, _depth(data))):
        expected = list[expected]
    try:
        return np.array(msgspec.convert(data, expected), kind).reshape(-1)
    except msgspec.ValidationError as error:
        raise InvalidTensor(f"{name} is wrong: {error}.".replace("$", name)) from error
    except ValueError:
        raise InvalidTensor(f"{name} is ragged: its lists differ in length.") from None
