"""The OpenAPI 3.1 document of all routes, from the types that parse requests and that responses are made of."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, TypeVar

import flask
import msgspec
from werkzeug.routing import Rule

from service import __version__
from service.api import auth
from service.errors import (
    HeadersTooLarge,
    MalformedRequest,
    Overloaded,
    RequestTimeout,
    ServiceError,
    TooLarge,
    Unauthorized,
)
from service.inference.schemas import ErrorResponse
from service.models.store import NAME

Content = Mapping[str, Any]  # the type of a body, or a tuple of alternatives, for each content type that it may have
Errors = tuple[type[ServiceError], ...]
Schema = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])

JSON = "application/json"
SCHEMA = "#/components/schemas/{name}"
ERROR_SCHEMA = "Failure"  # the public name of ErrorResponse, from before the class was renamed

# What any request may be rejected for, before its view is called.
COMMON_ERRORS: Errors = (MalformedRequest, RequestTimeout, TooLarge, HeadersTooLarge, Overloaded)

# The groups of operations, by blueprint, in the order in which they are shown.
TAGS = {
    "predict": "Pictures",
    "read": "Pictures",
    "explain": "Pictures",
    "feedback": "Pictures",
    "tfserving": "TensorFlow Serving",
    "openinference": "Open Inference Protocol",
    "triton": "Open Inference Protocol",
    "model_control": "Open Inference Protocol",
    "health": "Operations",
    "metrics": "Operations",
    "page": "Pages",
    "report": "Pages",
    "docs": "Pages",
}

DESCRIPTION = """\
Reads handwritten digits from any image: a photo, a scan, a screenshot, a drawing.

Every error is one sentence and a code, in JSON. A method that a path does not support is answered with 405 and the \
header Allow, and below /v1 with 400, as TensorFlow Serving does."""

PATH_PARAMETERS = {
    "version": {"description": "The number of a version.", "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"}},
    "label": {"description": "A label of a version.", "schema": {"type": "string", "pattern": "^[^/:]+$"}},
}
REQUEST_ID: Schema = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "The request's name in the log: 1 to 128 letters, digits and _.:/+=@-. Any other value is replaced.",
    "schema": {"type": "string"},
}
REQUEST_ID_HEADER: Schema = {
    "description": "The request's name in the log.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


@dataclass(frozen=True)
class operation:  # noqa: N801  # a decorator
    """Declares the types of a view's request and response, for the document. Its route and docstring say the rest."""

    response: Any  # the type of its JSON; or the type for each content type; None if it always raises an error
    _: KW_ONLY
    body: Any = None  # the type or types of the request's body, if it has one
    is_body_required: bool = True  # whether a request without a body is rejected
    query: Any = None  # a struct of the query parameters, if there are any
    is_conditional: bool = False  # whether it answers 304 if the client has the response already
    is_creating: bool = False  # whether it answers 201 if it has kept something new
    errors: Errors = ()  # the errors that it raises, besides `COMMON_ERRORS`

    def __call__(self, view: View) -> View:
        """Declare the types of a view."""
        _operations[view] = self
        return view


_operations: dict[Callable[..., Any], operation] = {}


def any_of(*structs: type[msgspec.Struct]) -> Schema:
    """Return the schema of a value that is one of several structs: msgspec has no union of structs."""
    return {"anyOf": [_reference(struct) for struct in structs]}


def _reference(struct: type[msgspec.Struct]) -> Schema:
    return {"$ref": SCHEMA.format(name=ERROR_SCHEMA if struct is ErrorResponse else struct.__name__)}


def _content(body: Any) -> Content:
    """Return the type or types of a body by content type; empty for None."""
    if body is None:
        return {}
    return body if isinstance(body, Mapping) else {JSON: body}


def build_document(app: flask.Flask, with_keys: bool) -> bytes:
    """Return the document of an application, in JSON.

    Args:
        app: the application, with all of its routes.
        with_keys: whether the application requires API keys.

    """
    writer = Writer(with_keys)
    paths: dict[str, Schema] = {}
    views = list(app.view_functions)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (views.index(rule.endpoint), len(rule.rule))):
        if not rule.endpoint.endswith(".static"):  # the files of the pages are not part of the API
            paths.setdefault(_path(rule), {}).update(writer.path_item(rule, app.view_functions[rule.endpoint]))
    content: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "mnist-service",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": ".", "description": "Where this document is."}],
        "tags": [{"name": name} for name in dict.fromkeys(TAGS.values())],
        "paths": paths,
        "components": {"parameters": {"RequestID": REQUEST_ID}, "schemas": writer.schemas},
    }
    if with_keys:
        content["components"]["securitySchemes"] = SECURITY_SCHEMES
        content["security"] = [{name: []} for name in SECURITY_SCHEMES]
    return msgspec.json.encode(content)


def _path(rule: Rule) -> str:
    """Return a rule as a path template of OpenAPI, with the name of the only model in it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).replace("{name}", NAME)


class Writer:
    """Describes the operations of paths, and holds the schemas that they refer to."""

    def __init__(self, with_keys: bool) -> None:
        self._with_keys = with_keys
        bodies = chain(*((declared.response, declared.body) for declared in _operations.values()))
        types = [ErrorResponse, *chain(*(_alternatives(type_) for body in bodies for type_ in _content(body).values()))]
        references, schemas = msgspec.json.schema_components(types, ref_template=SCHEMA)
        self._references = {id(type_): schema for type_, schema in zip(types, references, strict=True)}
        error_schema = schemas.pop(ErrorResponse.__name__) | {"title": ERROR_SCHEMA}
        self.schemas = {ERROR_SCHEMA: error_schema, **schemas}

    def path_item(self, rule: Rule, view: Callable[..., Any]) -> Schema:
        """Return the path item of a rule, without HEAD, which comes with GET, and OPTIONS, which every path has."""
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        return {method.lower(): self._describe(rule, method.lower(), view) for method in methods}

    def _describe(self, rule: Rule, method: str, view: Callable[..., Any]) -> Schema:
        declared, path = _operations[view], _path(rule)
        is_locked = self._with_keys and path not in auth.HEALTH_PATHS
        errors = (*declared.errors, *COMMON_ERRORS, *([Unauthorized] if is_locked else []))
        fields: Schema = {
            "tags": [TAGS[rule.endpoint.partition(".")[0]]],
            **_summary(view),
            "operationId": re.sub(r"\W+", "_", f"{method}{path}"),
            "parameters": [
                *_path_parameters(path),
                *_query_parameters(declared.query),
                {"$ref": "#/components/parameters/RequestID"},
            ],
            "responses": {**self._success(declared), **_error_responses(errors)},
        }
        if declared.body:
            fields["requestBody"] = {"required": declared.is_body_required, "content": self._schemas(declared.body)}
        if self._with_keys and not is_locked:
            fields["security"] = []
        return fields

    def _success(self, declared: operation) -> Schema:
        if not declared.response:
            return {}
        headers = {"X-Request-ID": {**REQUEST_ID_HEADER, "required": True}}
        content = self._schemas(declared.response)
        responses = {"200": {"description": "The answer.", "headers": headers, "content": content}}
        if declared.is_creating:
            responses["201"] = responses["200"] | {"description": "The answer, and something new is kept."}
        if declared.is_conditional:
            description = "The client has the answer, as If-None-Match says."
            responses["304"] = {"description": description, "headers": headers}
        return responses

    def _schemas(self, body: Any) -> Schema:
        return {kind: {"schema": self._schema(type_)} for kind, type_ in _content(body).items()}

    def _schema(self, type_: Any) -> Schema:
        schemas = [self._references[id(alternative)] for alternative in _alternatives(type_)]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _alternatives(type_: Any) -> tuple[Any, ...]:
    return type_ if isinstance(type_, tuple) else (type_,)


def _summary(view: Callable[..., Any]) -> Schema:
    """Return the summary and the description in a view's docstring, without its sections."""
    prose = re.split(r"\n\n(?:Args|Raises):", inspect.getdoc(view) or "")[0]
    summary, _, description = prose.partition("\n\n")
    return {"summary": summary.replace("\n", " ").rstrip("."), "description": description}


def _path_parameters(path: str) -> list[Schema]:
    names = re.findall(r"{(\w+)}", path)
    return [{"name": name, "in": "path", "required": True, **PATH_PARAMETERS[name]} for name in names]


def _query_parameters(struct: Any) -> list[Schema]:
    if struct is None:
        return []
    schema = msgspec.json.schema(struct)["$defs"][struct.__name__]
    return [
        {"name": name, "in": "query", "required": name in schema["required"], "schema": parameter}
        for name, parameter in schema["properties"].items()
    ]


def _error_responses(errors: Errors) -> Schema:
    """Return the responses of errors, by status."""
    ordered = sorted(set(errors), key=attrgetter("status", "code"))
    return {str(status): _error_response(list(group)) for status, group in groupby(ordered, attrgetter("status"))}


def _error_response(errors: list[type[ServiceError]]) -> Schema:
    """Return the response of errors that have one status, and so the same headers."""
    codes = {"properties": {"code": {"enum": [error.code for error in errors]}}}
    headers = {
        name: {"required": True, "schema": {"type": "string"}, "example": value}
        for name, value in errors[0].headers.items()
    }
    return {
        "description": "\n".join(f"- `{error.code}`: {inspect.getdoc(error)}" for error in errors),
        "headers": {"X-Request-ID": REQUEST_ID_HEADER, **headers},
        "content": {JSON: {"schema": {"allOf": [_reference(ErrorResponse), codes]}}},
    }
