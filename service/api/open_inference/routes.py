"""The Open Inference Protocol, KServe's v2, for the versions that /predict serves.

The extensions for Triton's tools are in triton.py, the health checks in api/routes/health.py.

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
from service.api.open_inference.requests import InferRequest, decode_request, find_output_parameters, read_vectors
from service.api.open_inference.responses import EncodedResponse, EncodeFn, InferAnswer
from service.api.openapi import JSON, operation
from service.api.requests import ONE_DIGIT_ERRORS, SEVEN
from service.api.routes import create_predictor, repository, settings
from service.errors import InvalidJSON, InvalidTensor, ModelError, UnknownModel, UnsupportedMediaType
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.models.store import MAX_NUMBER, NAME

routes = Blueprint("openinference", __name__)

PLATFORM = "tensorflow_savedmodel"
EXTENSIONS = ["binary_tensor_data", "classification", "model_configuration", "statistics"]
MODEL_CONTROL = "model_repository"  # the extension that a setting turns on


Raw = Annotated[
    str,
    Meta(
        description=f"The JSON of application/json, whose length in bytes is in the header {binary.HEADER}; "
        "after it the bytes of each tensor that is sent raw, little-endian and in row-major order.",
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
    """The server's name, version and extensions."""

    name: str
    version: str
    extensions: Annotated[list[str], Meta(description="The extensions of the protocol that it supports.")]


class ModelNames(msgspec.Struct, frozen=True):
    """The names of all models."""

    models: list[str]


class TensorMetadata(msgspec.Struct, frozen=True):
    """An input or output of the model."""

    name: str
    datatype: str
    shape: Annotated[list[int], Meta(description="-1 is any number of images.")]


class ModelMetadata(msgspec.Struct, frozen=True):
    """A model, or a version of it."""

    name: str
    versions: Annotated[list[str], Meta(description="All versions that are served, or the requested one.")]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(msgspec.Struct, frozen=True):
    """A model accepts requests."""

    name: str
    ready: bool


@routes.get("/v2")
@routes.get("/v2/")
@operation(ServerMetadata)
def server_metadata() -> flask.Response:
    """Return the server's name, version and extensions."""
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
    """Return the model's input and output, and its versions."""
    model = find_model(name, version)
    signature = model.signature
    versions = [str(number) for number in repository().numbers()] if version is None else [str(model.version)]
    return json_response(
        ModelMetadata(
            NAME,
            versions,
            PLATFORM,
            [TensorMetadata(signature.input, "FP32", [-1, *signature.shape])],
            [TensorMetadata(signature.output, "FP32", [-1, 10])],
        )
    )


@routes.get("/v2/models/<name>/ready")
@routes.get("/v2/models/<name>/versions/<version>/ready")
@operation(ModelReady, errors=(UnknownModel, ModelError))
def model_ready(name: str, version: str | None = None) -> flask.Response:
    """Answer 200 if the model, or this version of it, accepts requests."""
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
    """Return the probability of each digit for each image of the request."""
    predictor = create_predictor(find_model(name, version))
    vectors, encode = parse_request(read_body(request), request.environ, predictor)
    headers, body = encode(predictor.probabilities(vectors))
    return flask.Response(body, headers=headers)


def parse_request(
    body: bytes, environ: Mapping[str, Any], predictor: Predictor
) -> tuple[NDArray[np.float32], EncodeFn]:
    """Return the images of a request as vectors float32 (n, 784), and the function that encodes the response.

    Args:
        body: the request's body, decompressed.
        environ: its WSGI environ.
        predictor: the predictor of the requested version.

    Raises:
        ServiceError: any of the errors that `infer` declares.

    """
    message, raw = decode_request(body, environ.get(binary.HEADER_VARIABLE), predictor.model)
    parameters = find_output_parameters(message, predictor.model)
    accept_encoding = environ.get("HTTP_ACCEPT_ENCODING")

    def encode(probabilities: NDArray[np.float32]) -> EncodedResponse:
        return compress(
            *responses.encode_response(probabilities, predictor.model, parameters, message.id), accept_encoding
        )

    return read_vectors(message, raw, predictor), encode


def find_model(name: str, version: str | None) -> Model:
    """Return the default version of the model, or a version by its number.

    Raises:
        UnknownModel: no model has the name, or no version the number.
        ModelError: no version can be served.

    """
    check_name(name)
    if version is None:
        return repository().default()
    try:
        return repository().model(_parse_number(version))
    except UnknownModel as error:
        raise UnknownModel(f"Request for unknown model: '{NAME}' version {version} is not found.") from error


def check_name(name: str) -> None:
    """Check that a model's name is the name of the only model.

    Raises:
        UnknownModel: it is another name.

    """
    if name != NAME:
        raise UnknownModel(f"Request for unknown model: '{name}' is not found.")


def _parse_number(version: str) -> int:
    if not (version.isascii() and version.isdecimal() and len(version) < 20 and int(version) <= MAX_NUMBER):
        raise UnknownModel(f"{version} is not a number of a version.")
    return int(version)
