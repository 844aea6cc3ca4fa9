"""TensorFlow Serving's REST API, which is also KServe's v1 protocol: /v1/models, for the versions that /predict serves.

It follows TensorFlow Serving's source (http_rest_api_util.cc, json_tensor.cc), including the texts of errors.
"""

from typing import Any, TypeVar

import flask
import msgspec
import numpy as np
from flask import Blueprint, request
from msgspec import UNSET
from numpy.typing import NDArray
from werkzeug.routing import BaseConverter, ValidationError

from service.api.bodies import JSON_ERRORS, read_body, to_utf8
from service.api.error_responses import json_response
from service.api.openapi import operation
from service.api.requests import ONE_DIGIT_ERRORS
from service.api.routes import check_count, create_predictor, repository
from service.api.tensorflow_serving.instances import is_base64, read_instances
from service.api.tensorflow_serving.messages import (
    METHOD,
    Classifications,
    ClassifyRequest,
    Metadata,
    ModelList,
    ModelSpec,
    ModelStatus,
    ModelVersionStatus,
    Outputs,
    Predictions,
    PredictRequest,
    SavedModelMetadata,
    SignatureDef,
    SignatureDefMap,
)
from service.api.tensorflow_serving.schemas import ClassifyBody, PredictBody
from service.errors import (
    InvalidJSON,
    InvalidTensor,
    MalformedRequest,
    ModelError,
    UnknownLabel,
    UnknownModel,
    UnknownSignature,
    UnsupportedMediaType,
)
from service.inference.predictor import Predictor
from service.models.loading import Model
from service.models.runtimes import SIGNATURE
from service.models.store import MAX_NUMBER, NAME

MODEL = "/v1/models/<segment:name>"
ADDRESSES = (MODEL, f"{MODEL}/versions/<number:version>", f"{MODEL}/labels/<segment:label>")

PREDICT_DECODER = msgspec.json.Decoder(PredictRequest)
_CLASSIFY_DECODER = msgspec.json.Decoder(ClassifyRequest)

Message = TypeVar("Message")

_UNKNOWN = (UnknownModel, UnknownLabel)
_REGRESS_ERRORS = (*_UNKNOWN, ModelError, InvalidJSON, UnknownSignature, UnsupportedMediaType)
_ERRORS = (*_REGRESS_ERRORS, InvalidTensor, *ONE_DIGIT_ERRORS)

routes = Blueprint("tfserving", __name__)


class Segment(BaseConverter):
    """The name of a model or a label, in a path."""

    regex = "[^/:]+"


class Number(BaseConverter):
    """The number of a version, in a path. It fits into 64 bits."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        """Return the number."""
        if int(value) > MAX_NUMBER:
            raise ValidationError
        return int(value)


routes.record_once(lambda setup: setup.app.url_map.converters.update(segment=Segment, number=Number))


@routes.before_app_request
def check_path() -> None:
    """Reject unknown paths and methods below /v1, as TensorFlow Serving does.

    Raises:
        MalformedRequest: the path is unknown or does not support the method.

    """
    if request.routing_exception and request.path.startswith("/v1/"):
        raise MalformedRequest(f"Malformed request: {request.method} {request.path}.")


@routes.get("/v1/models")
@operation(ModelList)
def models() -> flask.Response:
    """List the only model."""
    return json_response(ModelList([NAME]))


@operation(ModelStatus, errors=_UNKNOWN)
def status(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Return the state of each version, the highest first, or of the requested version."""
    number = _find_number(version, label)
    versions = repository().versions() if name == NAME else []
    statuses = [ModelVersionStatus.of(version) for version in versions if number in (None, version.number)]
    if not statuses:
        target = "any versions" if number is None else f"version {number}"
        reason = repository().empty_reason if name == NAME else ""
        raise UnknownModel(f"Could not find {target} of model {name}. {reason}".rstrip())
    return json_response(ModelStatus(statuses, name, any(status.state == "AVAILABLE" for status in statuses)))


@operation(SavedModelMetadata, errors=(*_UNKNOWN, ModelError))
def metadata(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Return the signature of a version."""
    model = _find_model(name, version, label)
    spec = ModelSpec(name, "", str(model.version))
    signatures = SignatureDefMap({SIGNATURE: SignatureDef.of(model.signature)})
    return json_response(SavedModelMetadata(spec, Metadata(signatures)))


@operation((Predictions, Outputs), body=PredictBody, errors=_ERRORS)
def predict(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Return the probabilities of images, by row or by column as they were sent."""
    message = decode_message(read_body(request), PREDICT_DECODER)
    predictor = create_predictor(_find_model(name, version, label))
    vectors, response_type = read_vectors(message, predictor)
    return json_response(response_type(predictor.probabilities(vectors).tolist()))


def read_vectors(
    message: PredictRequest, predictor: Predictor
) -> tuple[NDArray[np.float32], type[Predictions] | type[Outputs]]:
    """Return the images of a message as vectors float32 (n, 784), and the type of the response.

    Raises:
        ServiceError: UnknownSignature, MalformedRequest, or what `read_instances` raises.

    """
    _check_signature(message.signature_name)
    if message.instances is not UNSET and message.inputs is not UNSET:
        raise MalformedRequest("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist.")
    if message.instances is not UNSET:
        return read_instances(message.instances, "instances", predictor), Predictions
    if message.inputs is not UNSET:
        return read_instances(*_input_column(message.inputs, predictor.model.signature.input), predictor), Outputs
    raise MalformedRequest("Missing 'inputs' or 'instances' key.")


@operation(Classifications, body=ClassifyBody, errors=_ERRORS)
def classify(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Return each digit and its probability, for each example."""
    message = decode_message(read_body(request), _CLASSIFY_DECODER)
    predictor = create_predictor(_find_model(name, version, label))
    _check_signature(message.signature_name)
    check_count(len(message.examples), predictor.settings.max_files)
    vectors = read_instances(_read_examples(message, predictor.model.signature.input), "examples", predictor)
    rows = predictor.probabilities(vectors).tolist()
    return json_response(
        Classifications([[(str(digit), probability) for digit, probability in enumerate(row)] for row in rows])
    )


@operation(None, body=ClassifyBody, errors=_REGRESS_ERRORS)
def regress(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Reject the request: the model predicts digits, not a number.

    Raises:
        ServiceError: UnknownSignature, unless the request has another error.

    """
    message = decode_message(read_body(request), _CLASSIFY_DECODER)
    _find_model(name, version, label)
    _check_signature(message.signature_name)
    raise UnknownSignature(
        f"Expected regression signature method_name to be tensorflow/serving/regress. Was: {METHOD}."
    )


for address in ADDRESSES:
    routes.add_url_rule(address, view_func=status)
    routes.add_url_rule(f"{address}/metadata", view_func=metadata)
    for verb in (predict, classify, regress):
        routes.add_url_rule(f"{address}:{verb.__name__}", view_func=verb, methods=["POST"])


def _find_number(version: int | None, label: str | None) -> int | None:
    return repository().number(label) if label else version


def _find_model(name: str, version: int | None, label: str | None) -> Model:
    number = _find_number(version, label)
    try:
        if name == NAME:
            return repository().default() if number is None else repository().model(number)
    except UnknownModel:
        pass  # the error below has the words of TensorFlow Serving
    target = f"Latest({name})" if number is None else f"Specific({name}, {number})"
    raise UnknownModel(f"Servable not found for request: {target}.")


def _check_signature(name: str) -> None:
    if name not in ("", SIGNATURE):
        raise UnknownSignature(f'Serving signature name: "{name}" not found in signature def.')


def decode_message(body: bytes, decoder: msgspec.json.Decoder[Message]) -> Message:
    """Decode the JSON of a body.

    Raises:
        InvalidJSON: the body is not JSON, or not of the decoder's type.

    """
    if not body:
        raise InvalidJSON("JSON Parse error: The document is empty.")
    try:
        return decoder.decode(to_utf8(body))
    except msgspec.ValidationError as error:
        raise InvalidJSON(f"The JSON is not formatted correctly: {error}.") from error
    except JSON_ERRORS as error:
        raise InvalidJSON(f"JSON Parse error: {error}.") from error


def _input_column(inputs: list[Any] | dict[str, Any], input_name: str) -> tuple[list[Any], str]:
    """Return the list of images in `inputs`, and its name for messages. One image in base64 need not be in a list."""
    name = "inputs"
    if isinstance(inputs, dict) and not is_base64(inputs):
        if input_name not in inputs:
            raise InvalidTensor(f"Missing named input: {input_name} in 'inputs' object.")
        inputs, name = inputs[input_name], f"inputs.{input_name}"
    if is_base64(inputs):
        return [inputs], name
    if not isinstance(inputs, list):
        raise InvalidTensor(f"{name} is not a list of images.")
    return inputs, name


def _read_examples(message: ClassifyRequest, input_name: str) -> list[dict[str, Any]]:
    """Return the examples, without the features that the model does not use."""
    examples = [message.context | example for example in message.examples]
    return [{input_name: example[input_name]} if input_name in example else example for example in examples]
