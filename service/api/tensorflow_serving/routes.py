"""TensorFlow Serving's REST API, which KServe's v1 protocol shares: /v1/models, by the versions of /predict.

It follows TensorFlow Serving's source (http_rest_api_util.cc, json_tensor.cc), its texts of errors included.
"""

from typing import Any, TypeVar

import flask
import msgspec
import numpy as np
from flask import Blueprint, request
from msgspec import UNSET
from numpy.typing import NDArray
from werkzeug.routing import BaseConverter, ValidationError

from service.api.bodies import read_body, to_utf8
from service.api.error_responses import json_response
from service.api.openapi import operation
from service.api.requests import ONE_DIGIT_ERRORS
from service.api.routes import check_count, predictor, repository
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

PREDICT = msgspec.json.Decoder(PredictRequest)
_CLASSIFY = msgspec.json.Decoder(ClassifyRequest)

Message = TypeVar("Message")

_UNKNOWN = (UnknownModel, UnknownLabel)
_REGRESS_ERRORS = (*_UNKNOWN, ModelError, InvalidJSON, UnknownSignature, UnsupportedMediaType)
_ERRORS = (*_REGRESS_ERRORS, InvalidTensor, *ONE_DIGIT_ERRORS)

routes = Blueprint("tfserving", __name__)


class Segment(BaseConverter):
    """The name of a model or a label, in a path."""

    regex = "[^/:]+"


class Number(BaseConverter):
    """The number of a version, in a path; it fits in 64 bits."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        """Read the number."""
        if int(value) > MAX_NUMBER:
            raise ValidationError
        return int(value)


routes.record_once(lambda setup: setup.app.url_map.converters.update(segment=Segment, number=Number))


@routes.before_app_request
def check_path() -> None:
    """Refuse other paths and methods as TensorFlow Serving does, whatever is wrong with them.

    Raises:
        MalformedRequest: the path or the method is none of these.

    """
    if request.routing_exception and request.path.startswith("/v1/"):
        raise MalformedRequest(f"Malformed request: {request.method} {request.path}.")


@routes.get("/v1/models")
@operation(ModelList)
def models() -> flask.Response:
    """Name the models."""
    return json_response(ModelList([NAME]))


@operation(ModelStatus, errors=_UNKNOWN)
def status(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Tell how far each version has come, the highest first, or the one that is asked for."""
    number = _number(version, label)
    present = repository().versions() if name == NAME else []
    statuses = [ModelVersionStatus.of(each) for each in present if number in (None, each.number)]
    if not statuses:
        wanted = "any versions" if number is None else f"version {number}"
        reason = repository().emptiness if name == NAME else ""
        raise UnknownModel(f"Could not find {wanted} of model {name}. {reason}".rstrip())
    return json_response(ModelStatus(statuses, name, any(each.state == "AVAILABLE" for each in statuses)))


@operation(SavedModelMetadata, errors=(*_UNKNOWN, ModelError))
def metadata(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Describe the signature of a version."""
    model = _model(name, version, label)
    spec = ModelSpec(name, "", str(model.version))
    signatures = SignatureDefMap({SIGNATURE: SignatureDef.of(model.signature)})
    return json_response(SavedModelMetadata(spec, Metadata(signatures)))


@operation((Predictions, Outputs), body=PredictBody, errors=_ERRORS)
def predict(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Give the probabilities of pictures, by row or by column as they were sent."""
    message = decode(read_body(request), PREDICT)
    reader = predictor(_model(name, version, label))
    vectors, form = read_vectors(message, reader)
    return json_response(form(reader.probabilities(vectors).tolist()))


def read_vectors(
    message: PredictRequest, reader: Predictor
) -> tuple[NDArray[np.float32], type[Predictions] | type[Outputs]]:
    """Take the pictures of a message as vectors float32 (n, 784), and give the form in which they are answered.

    Raises:
        ServiceError: UnknownSignature, MalformedRequest, or what `read_instances` raises.

    """
    _check_signature(message.signature_name)
    if message.instances is not UNSET and message.inputs is not UNSET:
        raise MalformedRequest("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist.")
    if message.instances is not UNSET:
        return read_instances(message.instances, "instances", reader), Predictions
    if message.inputs is not UNSET:
        return read_instances(*_column(message.inputs, reader.model.signature.input), reader), Outputs
    raise MalformedRequest("Missing 'inputs' or 'instances' key.")


@operation(Classifications, body=ClassifyBody, errors=_ERRORS)
def classify(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Give each digit with its probability, for examples."""
    message = decode(read_body(request), _CLASSIFY)
    reader = predictor(_model(name, version, label))
    _check_signature(message.signature_name)
    check_count(len(message.examples), reader.settings.max_files)
    vectors = read_instances(_pictures(message, reader.model.signature.input), "examples", reader)
    rows = reader.probabilities(vectors).tolist()
    return json_response(Classifications([[(str(digit), each) for digit, each in enumerate(row)] for row in rows]))


@operation(None, body=ClassifyBody, errors=_REGRESS_ERRORS)
def regress(name: str, version: int | None = None, label: str | None = None) -> flask.Response:
    """Refuse: the model answers digits, not a number.

    Raises:
        ServiceError: UnknownSignature, if nothing else is wrong with the request.

    """
    message = decode(read_body(request), _CLASSIFY)
    _model(name, version, label)
    _check_signature(message.signature_name)
    raise UnknownSignature(
        f"Expected regression signature method_name to be tensorflow/serving/regress. Was: {METHOD}."
    )


for address in ADDRESSES:
    routes.add_url_rule(address, view_func=status)
    routes.add_url_rule(f"{address}/metadata", view_func=metadata)
    for verb in (predict, classify, regress):
        routes.add_url_rule(f"{address}:{verb.__name__}", view_func=verb, methods=["POST"])


def _number(version: int | None, label: str | None) -> int | None:
    return repository().number(label) if label else version


def _model(name: str, version: int | None, label: str | None) -> Model:
    number = _number(version, label)
    try:
        if name == NAME:
            return repository().default() if number is None else repository().model(number)
    except UnknownModel:
        pass  # it says so in words of its own
    wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
    raise UnknownModel(f"Servable not found for request: {wanted}.")


def _check_signature(name: str) -> None:
    if name not in ("", SIGNATURE):
        raise UnknownSignature(f'Serving signature name: "{name}" not found in signature def.')


def decode(body: bytes, decoder: msgspec.json.Decoder[Message]) -> Message:
    """Decode the JSON of a body.

    Raises:
        InvalidJSON: it is none, or not of the decoder's type.

    """
    if not body:
        raise InvalidJSON("JSON Parse error: The document is empty.")
    try:
        return decoder.decode(to_utf8(body))
    except msgspec.ValidationError as error:
        raise InvalidJSON(f"The JSON is not formatted correctly: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJSON(f"JSON Parse error: {error}.") from error


def _column(inputs: list[Any] | dict[str, Any], wanted: str) -> tuple[list[Any], str]:
    """Take the list of pictures out of `inputs`, and name it; a single one of base64 need not be in a list."""
    name = "inputs"
    if isinstance(inputs, dict) and not is_base64(inputs):
        if wanted not in inputs:
            raise InvalidTensor(f"Missing named input: {wanted} in 'inputs' object.")
        inputs, name = inputs[wanted], f"inputs.{wanted}"
    if is_base64(inputs):
        return [inputs], name
    if not isinstance(inputs, list):
        raise InvalidTensor(f"{name} is not a list of pictures.")
    return inputs, name


def _pictures(message: ClassifyRequest, wanted: str) -> list[dict[str, Any]]:
    """Leave out of each example the features that the model doesn't take."""
    examples = [message.context | example for example in message.examples]
    return [{wanted: example[wanted]} if wanted in example else example for example in examples]
