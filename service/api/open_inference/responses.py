"""Responses of the Open Inference Protocol, with Triton's extensions binary_tensor_data and classification."""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from service.api.open_inference import binary
from service.api.open_inference.requests import DTYPES, OutputParameters
from service.models.loading import Model
from service.models.store import NAME

EncodedResponse = tuple[dict[str, str], bytes]  # headers and body
EncodeFn = Callable[[NDArray[np.float32]], EncodedResponse]  # of probabilities float32 (n, 10)


class RawOutput(msgspec.Struct, frozen=True):
    """The parameters of an output that is sent raw."""

    binary_data_size: Annotated[int, Meta(description="The bytes of the output, which come after the JSON.")]


class InferOutput(msgspec.Struct, frozen=True, omit_defaults=True):
    """The probabilities of the digits 0 to 9 for each image, or a classification: the most probable digits."""

    name: str
    shape: Annotated[list[int], Meta(description="[n, 10], or [n, k] for a classification.")]
    datatype: Annotated[str, Meta(description="FP32, or BYTES for a classification.")]
    parameters: RawOutput | None = None
    data: Annotated[
        Sequence[float | str] | None,
        Meta(description='The numbers, flat; for a classification, "probability:digit:digit".'),
    ] = None


class InferAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The prediction of the images in a request."""

    model_name: str
    model_version: str
    id: Annotated[str | None, Meta(description="The id of the request, if it has one.")] = None
    outputs: list[InferOutput]


def encode_response(
    probabilities: NDArray[np.float32], model: Model, parameters: OutputParameters, id_: str | None
) -> EncodedResponse:
    """Return probabilities float32 (n, 10) as a response, with the request's parameters and id."""
    output, raw = _describe(probabilities, model.signature.output, parameters)
    document = msgspec.json.encode(
        InferAnswer(model_name=NAME, model_version=str(model.version), id=id_ or None, outputs=[output])
    )
    if not parameters.binary_data:
        return {"Content-Type": "application/json"}, document
    return {"Content-Type": "application/octet-stream", binary.HEADER: str(len(document))}, document + raw


def _describe(probabilities: NDArray[np.float32], name: str, parameters: OutputParameters) -> tuple[InferOutput, bytes]:
    """Return an output, and its bytes if they are sent raw."""
    if parameters.classification:
        texts = _classify(probabilities, parameters.classification)
        shape = [len(probabilities), len(texts) // len(probabilities)]
        if parameters.binary_data:
            return _raw(name, shape, "BYTES", binary.write_elements(map(str.encode, texts)))
        return InferOutput(name, shape, "BYTES", data=texts), b""
    if parameters.binary_data:
        return _raw(name, [*probabilities.shape], "FP32", probabilities.astype(DTYPES["FP32"], copy=False).tobytes())
    return InferOutput(name, [*probabilities.shape], "FP32", data=probabilities.reshape(-1).tolist()), b""


def _raw(name: str, shape: list[int], datatype: str, raw: bytes) -> tuple[InferOutput, bytes]:
    return InferOutput(name, shape, datatype, RawOutput(len(raw))), raw


def _classify(probabilities: NDArray[np.float32], count: int) -> list[str]:
    """Return the most probable digits of each image, as "probability:digit:label"."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    highest = np.take_along_axis(probabilities, order, axis=1)
    pairs = zip(highest.reshape(-1).tolist(), order.reshape(-1).tolist(), strict=True)
    return [f"{probability:f}:{digit}:{digit}" for probability, digit in pairs]
