"""The Open Inference Protocol, KServe's v2, over the versions that /predict serves.

triton.py has what its tools need, api.routes.health its health.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from collections.abc import Mapping
from typing import Annotated, Any

import flask
import msgspec
import numpy as np
from flask import Blueprint, request
from msgspec import Meta
from numpy.typing import NDArray

from service import __version__
from service.api.bodies import compress, read_body
from service.api.error_responses import json_response
from service.api.open_inference import binary, responses
from service.api.open_inference.requests import InferRequest, read_request, read_vectors, read_wanted
from service.api.open_inference.responses import Answer, InferAnswer, Write
from service.api.openapi import JSON, operation
from service.api.requests import ONE_DIGIT_ERRORS, SEVEN
from service.api.routes import predictor, repository, settings
from service.errors import InvalidJSON, InvalidTensor, ModelError, UnknownModel, UnsupportedMediaType
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.models.store import MAX_NUMBER, NAME

routes = Blueprint("openinference", __name__)

HEADER_VARIABLE = "HTTP_" + binary.HEADER.upper().replace("-", "_")
PLATFORM = "tensorflow_savedmodel"
EXTENSIONS = ["binary_tensor_data", "classification", "model_configuration", "statistics"]
MODEL_CONTROL = "model_repository"  # the extension that is there if the setting says so


Raw = Annotated[
    str,
    Meta(
        description=f"JSON as that of application/json, of as many bytes as the header {binary.HEADER} says; and right "
        "after it the bytes of every tensor that is sent raw, little-endian and by rows.",
        extra_json_schema={"format": "binary", "contentMediaType": "application/octet-stream"},
    ),
]


InferBody = Annotated[
    InferRequest,
    Meta(
        examples=[{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [SEVEN]}]}],
        extra_json_schema={"properties": {"inputs": {"minItems": 1, "maxItems": 1}}},
    ),
]


class ServerMetadata(msgspec.Struct, frozen=True):
    """Which server this is."""

    name: str
    version: str
    extensions: Annotated[list[str], Meta(description="What is spoken beside the protocol.")]


class ModelNames(msgspec.Struct, frozen=True):
    """The names of all models."""

    models: list[str]


class TensorMetadata(msgspec.Struct, frozen=True):
    """An input or output of the model."""

    name: str
    datatype: str
    shape: Annotated[list[int], Meta(description="-1 is any number of pictures.")]


class ModelMetadata(msgspec.Struct, frozen=True):
    """A model, or a version of it."""

    name: str
    versions: Annotated[list[str], Meta(description="Those that are served; or the one that was asked for.")]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(msgspec.Struct, frozen=True):
    """That a model takes requests."""

    name: str
    ready: bool


@routes.get("/v2")
@routes.get("/v2/")
@operation(ServerMetadata)
def server_metadata() -> flask.Response:
    """Tell which server this is, and what it speaks."""
    control = [MODEL_CONTROL] if settings().model_control else []
    return json_response(ServerMetadata("mnist-service", __version__, [*EXTENSIONS, *control]))


@routes.get("/v2/models")
@operation(ModelNames)
def models() -> flask.Response:
    """List the one model."""
    return json_response(ModelNames([NAME]))


@routes.get("/v2/models/<name>")
@routes.get("/v2/models/<name>/versions/<version>")
@operation(ModelMetadata, errors=(UnknownModel, ModelError))
def model_metadata(name: str, version: str | None = None) -> flask.Response:
    """Describe the model's input and output, and tell which versions of it are served."""
    model = find_model(name, version)
    signature = model.signature
    every = [str(number) for number in repository().numbers()]
    return json_response(
        ModelMetadata(
            NAME,
            every if version is None else [str(model.version)],
            PLATFORM,
            [TensorMetadata(signature.input, "FP32", [-1, *signature.shape])],
            [TensorMetadata(signature.output, "FP32", [-1, 10])],
        )
    )


@routes.get("/v2/models/<name>/ready")
@routes.get("/v2/models/<name>/versions/<version>/ready")
@operation(ModelReady, errors=(UnknownModel, ModelError))
def model_ready(name: str, version: str | None = None) -> flask.Response:
    """Answer 200 if the model, or this version of it, takes requests."""
    find_model(name, version)
    return json_response(ModelReady(NAME, True))


@routes.post("/v2/models/<name>/infer")
@routes.post("/v2/models/<name>/versions/<version>/infer")
@operation(
    {JSON: InferAnswer, "application/octet-stream": Raw},
    body={JSON: InferBody, "application/octet-stream": Raw},
    errors=(UnknownModel, ModelError, InvalidJSON, InvalidTensor, UnsupportedMediaType, *ONE_DIGIT_ERRORS),
)
def infer(name: str, version: str | None = None) -> flask.Response:
    """Give the probability of each digit in each picture of the request."""
    reader = predictor(find_model(name, version))
    vectors, write = read(read_body(request), request.environ, reader)
    headers, body = write(reader.probabilities(vectors))
    return flask.Response(body, headers=headers)


def read(body: bytes, environ: Mapping[str, Any], reader: Predictor) -> tuple[NDArray[np.float32], Write]:
    """Take the pictures of a request, by its unpacked body and its environ, as vectors float32 (n, 784).

    With them comes what writes the headers and the body of the answer, of probabilities float32 (n, 10).

    Raises:
        ServiceError: what `infer` declares.

    """
    asked, raw = read_request(body, environ.get(HEADER_VARIABLE), reader.model)
    wanted = read_wanted(asked, reader.model)
    accepted = environ.get("HTTP_ACCEPT_ENCODING")

    def write(probabilities: NDArray[np.float32]) -> Answer:
        return compress(*responses.write(probabilities, reader.model, wanted, asked.id), accepted)

    return read_vectors(asked, raw, reader), write


def find_model(name: str, version: str | None) -> Model:
    """Give the model of that name: the default version, or one by its number.

    Raises:
        UnknownModel: there is none of that name or number.
        ModelError: no version can be served.

    """
    check_name(name)
    if version is None:
        return repository().default()
    try:
        return repository().model(_number(version))
    except UnknownModel as error:
        raise UnknownModel(f"Request for unknown model: '{NAME}' version {version} is not found.") from error


def check_name(name: str) -> None:
    """See that a model's name is that of the one model.

    Raises:
        UnknownModel: it isn't.

    """
    if name != NAME:
        raise UnknownModel(f"Request for unknown model: '{name}' is not found.")


def _number(version: str) -> int:
    if not (version.isascii() and version.isdecimal() and len(version) < 20 and int(version) <= MAX_NUMBER):
        raise UnknownModel(f"{version} is not a number of a version.")
    return int(version)
