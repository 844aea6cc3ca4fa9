"""Requests of Triton's client to the service."""

from typing import Any

from numpy.typing import NDArray
from tritonclient.http import InferenceServerClient, InferInput

DATATYPES = {"float32": "FP32", "uint8": "UINT8", "object": "BYTES"}


def tensor(images: NDArray[Any], binary: bool = True, name: str = "image") -> InferInput:
    """Return the input of a request, whose datatype is that of the images."""
    infer_input = InferInput(name, list(images.shape), DATATYPES[images.dtype.name])
    return infer_input.set_data_from_numpy(images, binary_data=binary)


def ask(client: InferenceServerClient, images: NDArray[Any], binary: bool = True, **options: Any) -> NDArray[Any]:
    """Return the probabilities of images."""
    answer: NDArray[Any] = client.infer("mnist", [tensor(images, binary)], **options).as_numpy("probabilities")
    return answer
