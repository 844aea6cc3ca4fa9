"""Requests of the Open Inference Protocol: their types, and the images in them.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md, with
Triton's extensions binary_tensor_data and classification. Errors that Triton has, too, keep its wording.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from service.api import bodies
from service.api.open_inference import binary
from service.api.requests import prepare_element
from service.api.routes import check_count
from service.errors import InvalidTensor, MalformedRequest
from service.inference import tensors
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.models.runtimes import INPUT_SHAPES
from service.models.store import NAME
from service.preparation import normalize
from service.preparation.normalize import VECTOR_SIZE

# The datatypes of numeric inputs, with the dtype of their raw bytes.
DTYPES: dict[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "UINT8": np.dtype(np.uint8)}
DATATYPES = [*DTYPES, "BYTES"]

Dimension = Annotated[int, Meta(ge=0)]


class InputParameters(msgspec.Struct, frozen=True):
    """The parameters of an input."""

    binary_data_size: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="The bytes of the input, if it is sent raw after the JSON.")
    ] = None
    shared_memory_region: Annotated[str | None, Meta(description="Not supported: the request is rejected.")] = None


class InferInput(msgspec.Struct, frozen=True):
    """Images, as one tensor."""

    name: Annotated[str, Meta(description="The name of the model's input.")]
    shape: Annotated[
        list[Dimension],
        Meta(description="[n, 784], [n, 28, 28] or [n, 28, 28, 1]; for BYTES, [n].", min_length=1, max_length=4),
    ]
    datatype: Annotated[
        str,
        Meta(
            description="FP32: pixels in [0, 1]. UINT8: pixels from 0 to 255. BYTES: an image file in each element.",
            extra_json_schema={"enum": DATATYPES},
        ),
    ]
    parameters: InputParameters | None = None
    data: Annotated[
        list[Any] | None, Meta(description="The elements, flat or nested. Files are base64 or data: URLs.")
    ] = None


class OutputParameters(msgspec.Struct, frozen=True):
    """The parameters of a requested output."""

    binary_data: Annotated[bool | None, Meta(description="Send the output raw after the JSON, not as data.")] = None
    classification: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Return this number of most probable digits, as BYTES. 0 turns it off."),
    ] = None
    shared_memory_region: Annotated[str | None, Meta(description="Not supported: the request is rejected.")] = None


class RequestedOutput(msgspec.Struct, frozen=True):
    """A requested output."""

    name: Annotated[str, Meta(description="The name of the model's output.")]
    parameters: OutputParameters | None = None


class InferParameters(msgspec.Struct, frozen=True):
    """The parameters of a request. Other parameters are ignored."""

    binary_data_output: Annotated[
        bool, Meta(description="Send outputs raw, unless their own parameters say otherwise.")
    ] = False


class InferRequest(msgspec.Struct, frozen=True):
    """Images to predict."""

    inputs: Annotated[list[InferInput], Meta(description="The model's one input.")]
    id: Annotated[str | None, Meta(description="Returned in the response.")] = None
    parameters: InferParameters | None = None
    outputs: Annotated[
        list[RequestedOutput] | None, Meta(description="The model's one output. It may be left out.")
    ] = None


def decode_request(body: bytes, length: str | None, model: Model) -> tuple[InferRequest, memoryview]:
    """Return a request, and the bytes of its raw input.

    Args:
        body: the body, decompressed.
        length: the value of its header `Inference-Header-Content-Length`. If it is 0, the body is one raw input.
        model: the requested model.

    Raises:
        ServiceError: MalformedRequest or InvalidJSON.

    """
    document, raw = binary.split(body, length)
    if length is None or document:
        return bodies.decode_json(document, InferRequest), raw
    count = math.ceil(len(raw) / (VECTOR_SIZE * DTYPES["FP32"].itemsize))
    tensor = InferInput(model.signature.input, [count, VECTOR_SIZE], "FP32", InputParameters(len(raw)))
    return InferRequest([tensor], parameters=InferParameters(binary_data_output=True)), raw


def find_output_parameters(request: InferRequest, model: Model) -> OutputParameters:
    """Return the parameters of the requested output. If it is requested several times, the first counts.

    Raises:
        MalformedRequest: another output is requested, or shared memory.

    """
    name = model.signature.output
    for output in request.outputs or []:
        if output.name != name:
            raise MalformedRequest(f"unexpected inference output '{output.name}' for model '{NAME}': it is '{name}'.")
        if output.parameters and output.parameters.shared_memory_region is not None:
            raise MalformedRequest(f"The output '{name}' is wanted in shared memory, which is not written.")
    parameters = (request.outputs[0].parameters if request.outputs else None) or OutputParameters()
    if parameters.binary_data is None and request.parameters:
        return msgspec.structs.replace(parameters, binary_data=request.parameters.binary_data_output)
    return parameters


def read_vectors(request: InferRequest, raw: memoryview, predictor: Predictor) -> NDArray[np.float32]:
    """Return the images of a request as vectors float32 (n, 784).

    Raises:
        ServiceError: MalformedRequest, InvalidTensor, TooLarge or InvalidBase64; for BYTES, also what
            `Predictor.prepare` raises.

    """
    tensor = _find_input(request, predictor.model)
    count = _check_shape(tensor)
    check_count(count, predictor.settings.max_files)
    _check_transfer(tensor, raw)
    if tensor.datatype == "BYTES":
        files = _read_files(tensor, count, raw)
        return np.stack(
            [prepare_element(predictor, file, f"{tensor.name}[{index}]") for index, file in enumerate(files)]
        )
    pixels = _read_pixels(tensor, raw).reshape(tensor.shape)
    if tensor.datatype == "UINT8":
        return normalize.to_vectors(pixels)
    vectors: NDArray[np.float32] = tensors.scale_pixels(pixels, tensor.name, predictor.model.white).reshape(count, -1)
    return vectors.astype(np.float32, copy=False)


def _find_input(request: InferRequest, model: Model) -> InferInput:
    if len(request.inputs) != 1:
        raise MalformedRequest(f"expected 1 inputs but got {len(request.inputs)} inputs for model '{NAME}'.")
    (tensor,) = request.inputs
    expected_name = model.signature.input
    if tensor.name != expected_name:
        raise MalformedRequest(
            f"unexpected inference input '{tensor.name}' for model '{NAME}': it is '{expected_name}'."
        )
    return tensor


def _check_shape(tensor: InferInput) -> int:
    """Check the datatype and shape of an input, and return its number of images."""
    if tensor.datatype not in DATATYPES:
        raise InvalidTensor(
            f"inference input '{tensor.name}' data-type is '{tensor.datatype}', but model '{NAME}' expects 'FP32', "
            "'UINT8' or 'BYTES'."
        )
    count, *shape = tensor.shape
    if tuple(shape) not in ([()] if tensor.datatype == "BYTES" else INPUT_SHAPES):
        expected = "[n]" if tensor.datatype == "BYTES" else "[n, 784], [n, 28, 28] or [n, 28, 28, 1]"
        raise InvalidTensor(
            f"unexpected shape for input '{tensor.name}' for model '{NAME}': {tensor.shape}, not {expected}."
        )
    if not count:
        raise InvalidTensor(f"The input '{tensor.name}' holds no image: send at least one.")
    return count


def _check_transfer(tensor: InferInput, raw: memoryview) -> None:
    """Check that an input is sent either as data or raw, and that no bytes are missing or left over."""
    parameters = tensor.parameters or InputParameters()
    if parameters.shared_memory_region is not None:
        raise MalformedRequest(f"The input '{tensor.name}' is in shared memory, which is not read.")
    if (tensor.data is None) == (parameters.binary_data_size is None):
        problem = "no field is set" if tensor.data is None else "both are set"
        raise MalformedRequest(
            "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters'. "
            f"But {problem}."
        )
    size = parameters.binary_data_size or 0
    if size > len(raw):
        missing = size - len(raw)
        raise MalformedRequest(f"unexpected size for input '{tensor.name}', expecting {missing} additional bytes.")
    if size < len(raw):
        raise MalformedRequest(f"unexpected additional input data for model '{NAME}': {len(raw) - size} bytes.")


def _read_files(tensor: InferInput, count: int, raw: memoryview) -> Sequence[bytes | str]:
    if tensor.data is None:
        return binary.read_elements(raw, count, tensor.name)
    try:
        # Other servers take the UTF-8 of a string for its bytes. No image file is UTF-8, so here it is base64.
        texts = msgspec.convert(tensor.data, list[str])
    except msgspec.ValidationError as error:
        raise InvalidTensor(f"{tensor.name} is wrong: {error}.".replace("$", tensor.name)) from error
    _check_size(tensor, len(texts), count, "elements")
    return texts


def _read_pixels(tensor: InferInput, raw: memoryview) -> NDArray[Any]:
    dtype = DTYPES[tensor.datatype]
    elements = math.prod(tensor.shape)
    if tensor.data is None:
        _check_size(tensor, len(raw), elements * dtype.itemsize, "bytes")
        pixels: NDArray[Any] = np.frombuffer(raw, dtype)
        return pixels
    numbers = tensors.parse_numbers(tensor.data, np.uint8 if tensor.datatype == "UINT8" else np.float64, tensor.name)
    _check_size(tensor, len(numbers), elements, "elements")
    return numbers


def _check_size(tensor: InferInput, size: int, expected: int, unit: str) -> None:
    if size != expected:
        raise InvalidTensor(
            f"The input '{tensor.name}' has {size} {unit}, where its shape {tensor.shape} makes {expected}."
        )
