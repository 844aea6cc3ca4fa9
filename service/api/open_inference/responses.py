"""Answers of the Open Inference Protocol, with Triton's extensions binary_tensor_data and classification."""

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

Answer = tuple[dict[str, str], bytes]  # the headers, and the body
Write = Callable[[NDArray[np.float32]], Answer]  # of probabilities float32 (n, 10)


class RawOutput(msgspec.Struct, frozen=True):
    """How an output is sent raw."""

    binary_data_size: Annotated[int, Meta(description="Bytes of the output, after the JSON.")]


class InferOutput(msgspec.Struct, frozen=True, omit_defaults=True):
    """The probabilities of the digits 0 to 9 in each picture, or the most probable ones."""

    name: str
    shape: Annotated[list[int], Meta(description="[n, 10]; of a classification, [n, k].")]
    datatype: Annotated[str, Meta(description="FP32; of a classification, BYTES.")]
    parameters: RawOutput | None = None
    data: Annotated[
        Sequence[float | str] | None,
        Meta(description='The numbers, flat; of a classification, "probability:digit:digit".'),
    ] = None


class InferAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the model sees in the pictures."""

    model_name: str
    model_version: str
    id: Annotated[str | None, Meta(description="That of the request, if it has one.")] = None
    outputs: list[InferOutput]


def write(probabilities: NDArray[np.float32], model: Model, wanted: OutputParameters, id_: str | None) -> Answer:
    """Write probabilities float32 (n, 10) as they are wanted: the headers and the body of an answer."""
    output, raw = _describe(probabilities, model.signature.output, wanted)
    document = msgspec.json.encode(
        InferAnswer(model_name=NAME, model_version=str(model.version), id=id_ or None, outputs=[output])
    )
    if not wanted.binary_data:
        return {"Content-Type": "application/json"}, document
    return {"Content-Type": "application/octet-stream", binary.HEADER: str(len(document))}, document + raw


def _describe(probabilities: NDArray[np.float32], name: str, wanted: OutputParameters) -> tuple[InferOutput, bytes]:
    """Describe an output, and give the bytes that are sent raw, if any."""
    if wanted.classification:
        texts = _classify(probabilities, wanted.classification)
        shape = [len(probabilities), len(texts) // len(probabilities)]
        if wanted.binary_data:
            return _raw(name, shape, "BYTES", binary.write_elements(map(str.encode, texts)))
        return InferOutput(name, shape, "BYTES", data=texts), b""
    if wanted.binary_data:
        return _raw(name, [*probabilities.shape], "FP32", probabilities.astype(DTYPES["FP32"], copy=False).tobytes())
    return InferOutput(name, [*probabilities.shape], "FP32", data=probabilities.reshape(-1).tolist()), b""


def _raw(name: str, shape: list[int], datatype: str, raw: bytes) -> tuple[InferOutput, bytes]:
    return InferOutput(name, shape, datatype, RawOutput(len(raw))), raw


def _classify(probabilities: NDArray[np.float32], count: int) -> list[str]:
    """Name the most probable digits of each picture, as "probability:digit:label"."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    sorted_ = np.take_along_axis(probabilities, order, axis=1)
    pairs = zip(sorted_.reshape(-1).tolist(), order.reshape(-1).tolist(), strict=True)
    return [f"{probability:f}:{digit}:{digit}" for probability, digit in pairs]
