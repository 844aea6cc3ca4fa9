"""The pictures in TensorFlow Serving's JSON: numbers, or image files in base64, in any mix."""

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from service.api.requests import prepare_element
from service.api.routes import check_count
from service.errors import InvalidTensor
from service.inference.predictor import Predictor
from service.inference.tensors import from_list
from service.preparation.normalize import SIDE


def read_instances(instances: Sequence[object], name: str, reader: Predictor) -> NDArray[np.float32]:
    """Turn instances into vectors float32 (n, 784); those of base64 are prepared as uploads are.

    Raises:
        InvalidTensor: there are none, or one is no picture; it is named, as an element of `name`.
        ServiceError: TooLarge, InvalidBase64, or what `Predictor.prepare` raises, naming the element.

    """
    if not instances:
        raise InvalidTensor(f"No values in '{name}' array.")
    check_count(len(instances), reader.settings.max_files)
    vectors = np.empty((len(instances), SIDE * SIDE), np.float32)
    for number, instance in enumerate(instances):
        vectors[number] = _read(instance, f"{name}[{number}]", reader)
    return vectors


def is_base64(value: object) -> TypeGuard[dict[str, str]]:
    """Tell whether a value is an object of base64, as TensorFlow Serving tells it: {"b64": a string}, and no more."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _read(instance: object, name: str, reader: Predictor) -> NDArray[np.float32]:
    if isinstance(instance, dict) and not is_base64(instance):
        wanted = reader.model.signature.input
        if instance.keys() != {wanted}:
            raise InvalidTensor(f'{name} is not a picture: the keys of an object must be "{wanted}" or "b64".')
        instance, name = instance[wanted], f"{name}.{wanted}"
    if is_base64(instance):
        return prepare_element(reader, instance["b64"], name)
    return from_list(instance, name, reader.model.white)
