"""TensorFlow Serving's PredictionService and ModelService over gRPC.

Errors have the sentences of its source where it rejects the same:
https://github.com/tensorflow/serving/tree/master/tensorflow_serving/servables/tensorflow
"""

import math
from base64 import b64encode
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.errors import InvalidTensor, MalformedRequest, UnknownModel
from service.models.runtimes import SIGNATURE
from service.server.grpc.calls import HttpRequest, HttpResponse, Method, check_segment
from service.server.grpc.messages import Message, from_document, from_json, message_type

SIGNATURE_DEF = "signature_def"  # the only field of the metadata

FLOAT = np.dtype("<f4")
MAX_DIMENSIONS = 8  # more than any shape that is read has

_PACKAGE = "tensorflow.serving"

PredictResponse = message_type(f"{_PACKAGE}.PredictResponse")
ClassificationResponse = message_type(f"{_PACKAGE}.ClassificationResponse")
GetModelMetadataResponse = message_type(f"{_PACKAGE}.GetModelMetadataResponse")
GetModelStatusResponse = message_type(f"{_PACKAGE}.GetModelStatusResponse")

_DTYPES = message_type("tensorflow.TensorProto").DESCRIPTOR.fields_by_name["dtype"].enum_type
DT_FLOAT, DT_STRING = (_DTYPES.values_by_name[name].number for name in ("DT_FLOAT", "DT_STRING"))


def predict_request(message: Any) -> HttpRequest:
    """Return the request of `Predict`, whose inputs are columns of JSON.

    Raises:
        MalformedRequest: no model is named.
        InvalidTensor: a tensor is neither DT_FLOAT nor DT_STRING, its values do not fill its shape, or a number is not
            finite.

    """
    return _post(
        message, "predict", {"inputs": {name: _to_list(name, message.inputs[name]) for name in message.inputs}}
    )


def predict_response(message: Any, response: HttpResponse) -> Message:
    """Return the answer to `Predict`: the probabilities, DT_FLOAT (n, 10).

    Raises:
        MalformedRequest: the output filter names another output.

    """
    output = response.model.signature.output
    for name in message.output_filter:
        if name != output:
            raise MalformedRequest(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{output}}}."
            )
    rows = msgspec.json.decode(response.body)["outputs"]
    answer = PredictResponse()
    _set_spec(answer.model_spec, message, response)
    tensor = answer.outputs[output]
    tensor.dtype = DT_FLOAT
    for size in (len(rows), len(rows[0])):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.extend(chain.from_iterable(rows))
    return answer


def classify_request(message: Any) -> HttpRequest:
    """Return the request of `Classify`, whose examples are objects of JSON.

    Raises:
        MalformedRequest: no model is named, or the input is empty.

    """
    kind = message.input.WhichOneof("kind")
    if not kind:
        raise MalformedRequest("Input is empty.")
    examples = getattr(message.input, kind)
    document: dict[str, Any] = {"examples": [_features(example) for example in examples.examples]}
    if kind == "example_list_with_context":
        document["context"] = _features(examples.context)
    return _post(message, "classify", document)


def classify_response(message: Any, response: HttpResponse) -> Message:
    """Return the answer to `Classify`: the ten digits with their probabilities, for each example."""
    answer = ClassificationResponse()
    _set_spec(answer.model_spec, message, response)
    for row in msgspec.json.decode(response.body)["results"]:
        classifications = answer.result.classifications.add()
        for label, score in row:
            classifications.classes.add(label=label, score=score)
    return answer


def metadata_request(message: Any) -> HttpRequest:
    """Return the request of `GetModelMetadata`.

    Raises:
        MalformedRequest: no model is named, or another field than the signatures.

    """
    path = _path(message, "/metadata")
    if not message.metadata_field:
        raise MalformedRequest("GetModelMetadataRequest must specify at least one metadata_field")
    for field in message.metadata_field:
        if field != SIGNATURE_DEF:
            raise MalformedRequest(f"Metadata field {field} is not supported")
    return HttpRequest("GET", path)


def metadata_response(_: Any, response: HttpResponse) -> Message:
    """Return the answer to `GetModelMetadata`, whose signatures are a message of any type."""
    document = msgspec.json.decode(response.body)
    document["metadata"][SIGNATURE_DEF]["@type"] = f"type.googleapis.com/{_PACKAGE}.SignatureDefMap"
    return from_document(document, GetModelMetadataResponse)


def _path(message: Any, suffix: str = "") -> str:
    """Return the path of the model, or of the version or label, that a request names.

    Raises:
        MalformedRequest: no model is named.
        UnknownModel: the version is negative, or a name can't be part of a path.

    """
    spec = message.model_spec
    if not spec.name:
        raise MalformedRequest("Missing ModelSpec")
    choice = spec.WhichOneof("version_choice")
    if choice == "version" and spec.version.value < 0:
        raise UnknownModel(f"Servable not found for request: Specific({spec.name}, {spec.version.value}).")
    if choice == "version":
        return f"/v1/models/{check_segment(spec.name)}/versions/{spec.version.value}{suffix}"
    if choice == "version_label":
        return f"/v1/models/{check_segment(spec.name)}/labels/{check_segment(spec.version_label)}{suffix}"
    return f"/v1/models/{check_segment(spec.name)}{suffix}"


def _post(message: Any, verb: str, document: dict[str, Any]) -> HttpRequest:
    path = _path(message, f":{verb}")
    body = msgspec.json.encode({"signature_name": message.model_spec.signature_name, **document})
    return HttpRequest("POST", path, body, {"CONTENT_TYPE": "application/json"})


def _to_list(name: str, tensor: Any) -> Any:
    """Return a tensor as nested lists: of numbers, or of image files in base64."""
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype == DT_FLOAT:
        values: Any = _read_floats(name, tensor)
    elif tensor.dtype == DT_STRING:
        values = np.array([{"b64": b64encode(file).decode()} for file in tensor.string_val], object)
    else:
        dtype = _DTYPES.values_by_number.get(tensor.dtype)
        raise InvalidTensor(f"{name} is {dtype.name if dtype else tensor.dtype}: it must be DT_FLOAT or DT_STRING.")
    if min(shape, default=0) < 0 or values.size != math.prod(shape) or len(shape) > MAX_DIMENSIONS:
        raise InvalidTensor(f"{name} has {values.size} values, which is not its shape {shape}.")
    return values.reshape(shape).tolist() if values.size else []  # lists of empty lists could fill the memory


def _read_floats(name: str, tensor: Any) -> NDArray[np.float32]:
    content = tensor.tensor_content
    if len(content) % FLOAT.itemsize:
        raise InvalidTensor(
            f"{name} has {len(content)} bytes of tensor_content, which are no whole number of DT_FLOAT."
        )
    floats = np.frombuffer(content, FLOAT) if content else np.array(tensor.float_val, FLOAT)
    _check_finite(name, floats)
    return floats


def _check_finite(name: str, floats: ArrayLike) -> None:
    """Check that JSON can have the numbers."""
    if not np.isfinite(floats).all():
        raise InvalidTensor(f"{name} has a number that is not finite: pixels are numbers in [0, 1].")


def _features(example: Any) -> dict[str, Any]:
    return {name: _feature(name, feature) for name, feature in example.features.feature.items()}


def _feature(name: str, feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    if kind == "float_list":
        _check_finite(name, values)
    if kind != "bytes_list":
        return values
    files = [{"b64": b64encode(file).decode()} for file in values]
    return files[0] if len(files) == 1 else files


def _set_spec(spec: Any, message: Any, response: HttpResponse) -> None:
    """Set the version that answered, and its signature."""
    spec.name = message.model_spec.name
    spec.version.value = response.model.version
    spec.signature_name = message.model_spec.signature_name or SIGNATURE


def _type(name: str) -> Any:
    return message_type(f"{_PACKAGE}.{name}")


PREDICTION_METHODS = {
    "Predict": Method(_type("PredictRequest"), predict_request, predict_response),
    "Classify": Method(_type("ClassificationRequest"), classify_request, classify_response),
    "GetModelMetadata": Method(_type("GetModelMetadataRequest"), metadata_request, metadata_response),
}
MODEL_METHODS = {
    "GetModelStatus": Method(
        _type("GetModelStatusRequest"),
        lambda message: HttpRequest("GET", _path(message)),
        lambda _, response: from_json(response.body, GetModelStatusResponse),
    )
}
