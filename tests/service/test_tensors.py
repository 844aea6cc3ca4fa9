"""Numbers in requests are parsed to vectors, and wrong ones are named."""

from typing import Any

import numpy as np
import pytest

from service.errors import InvalidTensor
from service.inference import tensors


@pytest.mark.parametrize("shape", [(784,), (28, 28), (28, 28, 1)])
@pytest.mark.parametrize("white", [1, 255])
def test_lists_of_each_shape_are_one_vector(shape: tuple[int, ...], white: float) -> None:
    pixels = np.linspace(0, white, 784).reshape(shape)
    vector = tensors.parse_image(pixels.tolist(), "image", white)
    assert vector.shape == (784,)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, np.linspace(0, 1, 784), atol=1e-7)


def with_wrong_number(number: object) -> list[list[object]]:
    rows: list[list[object]] = [[0.0] * 28 for _ in range(28)]
    rows[3][5] = number
    return rows


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.5, "image is not an image: send 784 numbers in [0, 1]"),
        ([], "image is not an image: send 784 numbers"),
        ([[[[0.0]]]], "image is not an image: send 784 numbers"),
        ([0.0] * 783, "image has the shape (783,): send 784 numbers"),
        ([[0.0] * 27] * 28, "image has the shape (28, 27): send 784 numbers"),
        ([[0.0] * 28, [0.0] * 27], "image is ragged: its lists differ in length."),
        (with_wrong_number(1.5), "image[3][5] is 1.5: pixels are numbers in [0, 1]."),
        (with_wrong_number(-0.5), "image[3][5] is -0.5: pixels are numbers in [0, 1]."),
        (with_wrong_number(float("nan")), "image[3][5] is nan: pixels are numbers in [0, 1]."),
        (with_wrong_number("0"), "image is not an image: Expected `float`, got `str` - at `image[3][5]`"),
    ],
)
def test_another_value_is_named(value: object, message: str) -> None:
    with pytest.raises(InvalidTensor) as error:
        tensors.parse_image(value, "image")
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("data", "dtype", "expected"),
    [
        ([1, 2.5], np.float64, [1, 2.5]),
        ([[0, 255], [7, 8]], np.uint8, [0, 255, 7, 8]),
        ([], np.float64, []),
    ],
)
def test_numbers_are_flat(data: list[Any], dtype: type[np.float64 | np.uint8], expected: list[float]) -> None:
    numbers = tensors.parse_numbers(data, dtype, "data")
    assert numbers.dtype == dtype
    assert numbers.tolist() == expected


@pytest.mark.parametrize("data", [[256], [-1], [0.5], ["1"], [None], [[1], 2], [[1, 2], [3]]])
def test_other_elements_than_bytes_are_errors(data: list[Any]) -> None:
    with pytest.raises(InvalidTensor, match=r"^data is (wrong|ragged)"):
        tensors.parse_numbers(data, np.uint8, "data")
