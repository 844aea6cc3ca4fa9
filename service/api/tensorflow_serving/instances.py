"""The images in TensorFlow Serving's JSON: numbers, image files in base64, or both."""

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from service.api.requests import prepare_element
from service.api.routes import check_count
from service.errors import InvalidTensor
from service.inference.predictor import Predictor
from service.inference.tensors import parse_image
from service.preparation.normalize import VECTOR_SIZE


def read_instances(instances: Sequence[object], name: str, predictor: Predictor) -> NDArray[np.float32]:
    """Return instances as vectors float32 (n, 784). Image files in base64 are prepared as /predict prepares files.

    Raises:
        InvalidTensor: there are no instances, or one is not an image. The message names it as an element of `name`.
        ServiceError: TooLarge, InvalidBase64, or what `Predictor.prepare` raises; the message names the element.

    """
    if not instances:
        raise InvalidTensor(f"No values in '{name}' array.")
    check_count(len(instances), predictor.settings.max_files)
    vectors = np.empty((len(instances), VECTOR_SIZE), np.float32)
    for number, instance in enumerate(instances):
        vectors[number] = _read(instance, f"{name}[{number}]", predictor)
    return vectors


def is_base64(value: object) -> TypeGuard[dict[str, str]]:
    """Return whether a value is TensorFlow Serving's object of base64: a string under the only key, "b64"."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _read(instance: object, name: str, predictor: Predictor) -> NDArray[np.float32]:
    if isinstance(instance, dict) and not is_base64(instance):
        input_name = predictor.model.signature.input
        if instance.keys() != {input_name}:
            raise InvalidTensor(f'{name} is not an image: the keys of an object must be "{input_name}" or "b64".')
        instance, name = instance[input_name], f"{name}.{input_name}"
    if is_base64(instance):
        return prepare_element(predictor, instance["b64"], name)
    return parse_image(instance, name, predictor.model.white)
