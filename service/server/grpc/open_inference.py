"""The Open Inference Protocol over gRPC, and the other methods that Triton's client calls."""

from typing import Any

import msgspec
import numpy as np

from service.api.open_inference import binary
from service.errors import InvalidTensor, MalformedRequest
from service.server.grpc.calls import HttpRequest, HttpResponse, Method, check_segment
from service.server.grpc.messages import Message, from_document, from_json, message_type

ModelInferResponse = message_type("inference.ModelInferResponse")


def _get(path: str) -> HttpRequest:
    return HttpRequest("GET", path)


def _model_path(name: str, version: str, suffix: str = "") -> str:
    version_path = f"/versions/{check_segment(version)}" if version else ""
    return f"/v2/models/{check_segment(name)}{version_path}{suffix}"


def _get_model(message: Any, suffix: str = "") -> HttpRequest:
    return _get(_model_path(message.name, message.version, suffix))


def _statistics_request(message: Any) -> HttpRequest:
    return _get_model(message, "/stats") if message.name else _get("/v2/models/stats")


def _index_request(message: Any) -> HttpRequest:
    body = msgspec.json.encode({"ready": message.ready})
    return HttpRequest("POST", "/v2/repository/index", body, {"CONTENT_TYPE": "application/json"})


def infer_request(message: Any) -> HttpRequest:
    """Return the request of `ModelInfer`: JSON, and after it the bytes of the inputs.

    Raises:
        MalformedRequest: the raw contents are not one for each input, or are beside typed contents.
        InvalidTensor: a number in the contents of UINT8 is over 255.

    """
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise MalformedRequest(f"expected {len(message.inputs)} raw input contents but got {len(raw)}.")
    inputs = [_read_input(tensor, raw[index] if raw else None) for index, tensor in enumerate(message.inputs)]
    document: dict[str, Any] = {"inputs": [described for described, _ in inputs]}
    document["parameters"] = {**_parameters(message), "binary_data_output": True}
    if message.id:
        document["id"] = message.id
    if message.outputs:
        document["outputs"] = [{"name": output.name, "parameters": _parameters(output)} for output in message.outputs]
    head = msgspec.json.encode(document)
    return HttpRequest(
        "POST",
        _model_path(message.model_name, message.model_version, "/infer"),
        b"".join([head, *(content for _, content in inputs)]),
        {"CONTENT_TYPE": "application/octet-stream", binary.HEADER_VARIABLE: str(len(head))},
    )


def _read_input(tensor: Any, raw: bytes | None) -> tuple[dict[str, Any], bytes]:
    """Return the JSON of an input, and the bytes that follow the JSON."""
    if raw is None:
        raw = _write_contents(tensor)
    elif tensor.HasField("contents"):
        raise MalformedRequest(
            f"contents field must not be specified when using raw_input_contents for '{tensor.name}'."
        )
    parameters = {**_parameters(tensor), "binary_data_size": len(raw)}
    described = {"name": tensor.name, "shape": list(tensor.shape), "datatype": tensor.datatype}
    return {**described, "parameters": parameters}, raw


def _write_contents(tensor: Any) -> bytes:
    """Return the typed contents of an input as raw bytes."""
    if tensor.datatype == "FP32":
        return np.array(tensor.contents.fp32_contents, "<f4").tobytes()
    if tensor.datatype != "UINT8":
        return binary.write_elements(tensor.contents.bytes_contents)
    try:
        return bytes(tensor.contents.uint_contents)
    except ValueError as error:
        raise InvalidTensor(f"{tensor.name} has a number over 255: pixels of UINT8 are from 0 to 255.") from error


def _parameters(owner: Any) -> dict[str, Any]:
    return {
        name: getattr(parameter, parameter.WhichOneof("parameter_choice") or "string_param")
        for name, parameter in owner.parameters.items()
        if name not in ("binary_data_size", "binary_data", "binary_data_output")  # of HTTP alone
    }


def infer_response(request: Any, response: HttpResponse) -> Message:
    """Return the answer to `ModelInfer`: raw contents where the request has raw contents, typed ones where not."""
    head = int(response.headers[binary.HEADER])
    document = msgspec.json.decode(response.body[:head])
    output = document["outputs"][0]
    message = ModelInferResponse(
        model_name=document["model_name"], model_version=document["model_version"], id=document.get("id", "")
    )
    tensor = message.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
    raw = response.body[head:]
    if request.raw_input_contents:
        message.raw_output_contents.append(raw)
    elif output["datatype"] == "BYTES":
        count = int(np.prod(output["shape"]))
        tensor.contents.bytes_contents.extend(binary.read_elements(memoryview(raw), count, output["name"]))
    else:
        tensor.contents.fp32_contents.extend(np.frombuffer(raw, "<f4").tolist())
    return message


def _method(name: str, to_http: Any, from_http: Any) -> Method:
    return Method(message_type(f"inference.{name}Request"), to_http, from_http)


def _converted(name: str, to_http: Any) -> Method:
    """Return a method whose answer has the same form in JSON."""
    type_ = message_type(f"inference.{name}Response")
    return _method(name, to_http, lambda _, response: from_json(response.body, type_))


def _wrapped(name: str, to_http: Any, field: str) -> Method:
    """Return a method whose answer has the JSON of the response in one field."""
    type_ = message_type(f"inference.{name}Response")
    return _method(name, to_http, lambda _, response: from_document({field: msgspec.json.decode(response.body)}, type_))


def _health(name: str, to_http: Any, field: str, needs_key: bool = False) -> Method:
    """Return a method whose answer is whether the status is 200. An unknown model is not ready, as Triton has it."""
    request, answer = (message_type(f"inference.{name}{kind}") for kind in ("Request", "Response"))
    return Method(
        request, to_http, lambda _, response: answer(**{field: response.status == 200}), (200, 404, 503), needs_key
    )


METHODS = {
    "ServerLive": _health("ServerLive", lambda _: _get("/v2/health/live"), "live"),
    "ServerReady": _health("ServerReady", lambda _: _get("/v2/health/ready"), "ready"),
    "ModelReady": _health("ModelReady", lambda message: _get_model(message, "/ready"), "ready", needs_key=True),
    "ServerMetadata": _converted("ServerMetadata", lambda _: _get("/v2")),
    "ModelMetadata": _converted("ModelMetadata", _get_model),
    "ModelInfer": _method("ModelInfer", infer_request, infer_response),
    "ModelConfig": _wrapped("ModelConfig", lambda message: _get_model(message, "/config"), "config"),
    "ModelStatistics": _converted("ModelStatistics", _statistics_request),
    "RepositoryIndex": _wrapped("RepositoryIndex", _index_request, "models"),
}
