"""Requests of the Open Inference Protocol: their types, and the pictures in them; responses.py has what is answered.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md, with the
extensions binary_tensor_data and classification of Triton's. Its words are kept where it refuses the same.
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
from service.models.runtimes import SHAPES
from service.models.store import NAME
from service.preparation import normalize
from service.preparation.normalize import SIDE

# What an input may consist of, each with the dtype of its raw bytes.
DTYPES: dict[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "UINT8": np.dtype(np.uint8)}
DATATYPES = [*DTYPES, "BYTES"]

Dimension = Annotated[int, Meta(ge=0)]


class InputParameters(msgspec.Struct, frozen=True):
    """How an input is sent."""

    binary_data_size: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="Bytes of the input, sent raw after the JSON, not as data.")
    ] = None
    shared_memory_region: Annotated[str | None, Meta(description="Refused: there is no shared memory.")] = None


class InferInput(msgspec.Struct, frozen=True):
    """Pictures, as one tensor."""

    name: Annotated[str, Meta(description="The name of the model's input.")]
    shape: Annotated[
        list[Dimension],
        Meta(description="[n, 784], [n, 28, 28] or [n, 28, 28, 1]; of BYTES, [n].", min_length=1, max_length=4),
    ]
    datatype: Annotated[
        str,
        Meta(
            description="FP32: pixels in [0, 1]. UINT8: pixels from 0 to 255. BYTES: an image file each.",
            extra_json_schema={"enum": DATATYPES},
        ),
    ]
    parameters: InputParameters | None = None
    data: Annotated[
        list[Any] | None, Meta(description="The elements, flat or nested; files as base64, or data: URLs of it.")
    ] = None


class OutputParameters(msgspec.Struct, frozen=True):
    """How an output is wanted."""

    binary_data: Annotated[bool | None, Meta(description="Raw after the JSON, not as data.")] = None
    classification: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="So many most probable digits, as BYTES; 0 is none.")
    ] = None
    shared_memory_region: Annotated[str | None, Meta(description="Refused: there is no shared memory.")] = None


class RequestedOutput(msgspec.Struct, frozen=True):
    """An output that is wanted."""

    name: Annotated[str, Meta(description="The name of the model's output.")]
    parameters: OutputParameters | None = None


class InferParameters(msgspec.Struct, frozen=True):
    """How the answer is wanted; other parameters are taken and not used."""

    binary_data_output: Annotated[
        bool, Meta(description="Outputs raw after the JSON, where their own parameters don't say.")
    ] = False


class InferRequest(msgspec.Struct, frozen=True):
    """Pictures to read."""

    inputs: Annotated[list[InferInput], Meta(description="The model's one input.")]
    id: Annotated[str | None, Meta(description="Given back with the answer.")] = None
    parameters: InferParameters | None = None
    outputs: Annotated[list[RequestedOutput] | None, Meta(description="The model's one output; left out, too.")] = None


def read_request(body: bytes, length: str | None, model: Model) -> tuple[InferRequest, memoryview]:
    """Read a request, and give it with the bytes of its raw input.

    Args:
        body: the body, unpacked.
        length: the value of its header `Inference-Header-Content-Length`; at 0, all is the one input, raw.
        model: the model that is asked.

    Raises:
        ServiceError: MalformedRequest or InvalidJSON.

    """
    document, raw = binary.split(body, length)
    if length is None or document:
        return bodies.decode_json(document, InferRequest), raw
    count = math.ceil(len(raw) / (SIDE * SIDE * DTYPES["FP32"].itemsize))
    given = InferInput(model.signature.input, [count, SIDE * SIDE], "FP32", InputParameters(len(raw)))
    return InferRequest([given], parameters=InferParameters(binary_data_output=True)), raw


def read_wanted(request: InferRequest, model: Model) -> OutputParameters:
    """Take how the model's one output is wanted: as it is first asked for, where it is more than once.

    Raises:
        MalformedRequest: another output is wanted, or in shared memory.

    """
    name = model.signature.output
    for output in request.outputs or []:
        if output.name != name:
            raise MalformedRequest(f"unexpected inference output '{output.name}' for model '{NAME}': it is '{name}'.")
        if output.parameters and output.parameters.shared_memory_region is not None:
            raise MalformedRequest(f"The output '{name}' is wanted in shared memory, which is not written.")
    wanted = (request.outputs[0].parameters if request.outputs else None) or OutputParameters()
    if wanted.binary_data is None and request.parameters:
        return msgspec.structs.replace(wanted, binary_data=request.parameters.binary_data_output)
    return wanted


def read_vectors(request: InferRequest, raw: memoryview, reader: Predictor) -> NDArray[np.float32]:
    """Take the pictures of a request as vectors float32 (n, 784).

    Raises:
        ServiceError: MalformedRequest, InvalidTensor, TooLarge or InvalidBase64; with BYTES, as `Predictor.prepare`.

    """
    given = _only_input(request, reader.model)
    count = _check_shape(given)
    check_count(count, reader.settings.max_files)
    _check_sent(given, raw)
    if given.datatype == "BYTES":
        files = _read_files(given, count, raw)
        return np.stack([prepare_element(reader, file, f"{given.name}[{at}]") for at, file in enumerate(files)])
    pixels = _read_pixels(given, raw).reshape(given.shape)
    if given.datatype == "UINT8":
        return normalize.scale(pixels)
    vectors: NDArray[np.float32] = tensors.scale_numbers(pixels, given.name, reader.model.white).reshape(count, -1)
    return vectors.astype(np.float32, copy=False)


def _only_input(request: InferRequest, model: Model) -> InferInput:
    if len(request.inputs) != 1:
        raise MalformedRequest(f"expected 1 inputs but got {len(request.inputs)} inputs for model '{NAME}'.")
    (given,) = request.inputs
    wanted = model.signature.input
    if given.name != wanted:
        raise MalformedRequest(f"unexpected inference input '{given.name}' for model '{NAME}': it is '{wanted}'.")
    return given


def _check_shape(given: InferInput) -> int:
    """See that an input is one of pictures, and give their number."""
    if given.datatype not in DATATYPES:
        raise InvalidTensor(
            f"inference input '{given.name}' data-type is '{given.datatype}', but model '{NAME}' expects 'FP32', "
            "'UINT8' or 'BYTES'."
        )
    count, *shape = given.shape
    if tuple(shape) not in ([()] if given.datatype == "BYTES" else SHAPES):
        wanted = "[n]" if given.datatype == "BYTES" else "[n, 784], [n, 28, 28] or [n, 28, 28, 1]"
        raise InvalidTensor(
            f"unexpected shape for input '{given.name}' for model '{NAME}': {given.shape}, not {wanted}."
        )
    if not count:
        raise InvalidTensor(f"The input '{given.name}' holds no picture: send at least one.")
    return count


def _check_sent(given: InferInput, raw: memoryview) -> None:
    """See that an input is sent either as data or raw, and that no bytes are missing or left over."""
    parameters = given.parameters or InputParameters()
    if parameters.shared_memory_region is not None:
        raise MalformedRequest(f"The input '{given.name}' is in shared memory, which is not read.")
    if (given.data is None) == (parameters.binary_data_size is None):
        found = "no field is set" if given.data is None else "both are set"
        raise MalformedRequest(
            f"Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters'. But {found}."
        )
    size = parameters.binary_data_size or 0
    if size > len(raw):
        missing = size - len(raw)
        raise MalformedRequest(f"unexpected size for input '{given.name}', expecting {missing} additional bytes.")
    if size < len(raw):
        raise MalformedRequest(f"unexpected additional input data for model '{NAME}': {len(raw) - size} bytes.")


def _read_files(given: InferInput, count: int, raw: memoryview) -> Sequence[bytes | str]:
    if given.data is None:
        return binary.read_elements(raw, count, given.name)
    try:
        # Others take a string's UTF-8 for its bytes; no image file is UTF-8, so here it is base64.
        texts = msgspec.convert(given.data, list[str])
    except msgspec.ValidationError as error:
        raise InvalidTensor(f"{given.name} is wrong: {error}.".replace("$", given.name)) from error
    _check_size(given, len(texts), count, "elements")
    return texts


def _read_pixels(given: InferInput, raw: memoryview) -> NDArray[Any]:
    dtype = DTYPES[given.datatype]
    elements = math.prod(given.shape)
    if given.data is None:
        _check_size(given, len(raw), elements * dtype.itemsize, "bytes")
        pixels: NDArray[Any] = np.frombuffer(raw, dtype)
        return pixels
    numbers = tensors.from_numbers(given.data, np.uint8 if given.datatype == "UINT8" else np.float64, given.name)
    _check_size(given, len(numbers), elements, "elements")
    return numbers


def _check_size(given: InferInput, size: int, expected: int, unit: str) -> None:
    if size != expected:
        raise InvalidTensor(
            f"The input '{given.name}' has {size} {unit}, where its shape {given.shape} makes {expected}."
        )
