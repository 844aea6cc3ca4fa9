"""The OpenAPI 3.1 document of all routes, made of the types that requests are parsed by and answers are made of."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, TypeVar

import flask
import msgspec
from werkzeug.routing import Rule

from service import __version__
from service.api import auth
from service.api.error_responses import Failure
from service.errors import (
    HeadersTooLarge,
    MalformedRequest,
    Overloaded,
    RequestTimeout,
    ServiceError,
    TooLarge,
    Unauthorized,
)
from service.models.store import NAME

Content = Mapping[str, Any]  # the type of a body, or a tuple of alternatives, for each content type that it may have
Errors = tuple[type[ServiceError], ...]
Schema = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])

JSON = "application/json"
SCHEMA = "#/components/schemas/{name}"

# What any request may be refused for, before its view is asked.
ANYWHERE: Errors = (MalformedRequest, RequestTimeout, TooLarge, HeadersTooLarge, Overloaded)

# The groups of operations, by blueprint, in the order in which they are shown.
TAGS = {
    "predict": "Pictures",
    "read": "Pictures",
    "explain": "Pictures",
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
Reads handwritten digits from any picture of one: a photo, a scan, a screenshot, a drawing.

Every error is one plain sentence and a code, in JSON. A method that a path does not have is answered with 405 and the \
header Allow; below /v1 with 400, as TensorFlow Serving answers it."""

PATH_PARAMETERS = {
    "version": {"description": "The number of a version.", "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"}},
    "label": {"description": "A label that a version carries.", "schema": {"type": "string", "pattern": "^[^/:]+$"}},
}
REQUEST_ID: Schema = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "Names the request in the log. One that is not 1 to 128 letters, digits and _.:/+=@- is replaced.",
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
class Operation:
    """What a view takes and gives; the rest is in its route and its docstring."""

    answer: Content
    body: Content
    is_body_needed: bool
    query: Any
    is_conditional: bool
    errors: Errors


_operations: dict[Callable[..., Any], Operation] = {}


def operation(
    answer: Any,
    *,
    body: Any = None,
    is_body_needed: bool = True,
    query: Any = None,
    is_conditional: bool = False,
    errors: Errors = (),
) -> Callable[[View], View]:
    """Declare what a view takes and gives, for the document.

    Args:
        answer: the type of its JSON; or the type for each content type that it answers; None if it always refuses.
        body: the same of the body that it takes, if it takes one.
        is_body_needed: it refuses requests without.
        query: a struct of its query parameters, if it has any.
        is_conditional: it answers 304 where the client has its answer already.
        errors: what it raises, beside `ANYWHERE`.

    """

    def declare(view: View) -> View:
        _operations[view] = Operation(_content(answer), _content(body), is_body_needed, query, is_conditional, errors)
        return view

    return declare


def _content(body: Any) -> Content:
    if body is None:
        return {}
    return body if isinstance(body, Mapping) else {JSON: body}


def document(app: flask.Flask, with_keys: bool) -> bytes:
    """Write the document of an application that has all its routes; `with_keys`, if it asks for keys."""
    writer = Writer(with_keys)
    paths: dict[str, Schema] = {}
    views = list(app.view_functions)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (views.index(rule.endpoint), len(rule.rule))):
        if not rule.endpoint.endswith(".static"):  # the files of the pages are no part of the interface
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
    """Write a rule as a template, with the name of the only model in it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).replace("{name}", NAME)


class Writer:
    """Describes the operations of paths, and has the schemas that they refer to."""

    def __init__(self, with_keys: bool) -> None:
        self._with_keys = with_keys
        contents = chain(*((each.answer, each.body) for each in _operations.values()))
        types = [
            Failure,
            *chain(*(_alternatives(type_) for content in contents for type_ in content.values())),
        ]
        references, self.schemas = msgspec.json.schema_components(types, ref_template=SCHEMA)
        self._references = {id(each): schema for each, schema in zip(types, references, strict=True)}

    def path_item(self, rule: Rule, view: Callable[..., Any]) -> Schema:
        """Describe a rule's operations; that GET has HEAD beside it, and every path OPTIONS, goes without saying."""
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        return {method.lower(): self._describe(rule, method.lower(), view) for method in methods}

    def _describe(self, rule: Rule, method: str, view: Callable[..., Any]) -> Schema:
        operation, path = _operations[view], _path(rule)
        is_locked = self._with_keys and path not in auth.HEALTH
        errors = (*operation.errors, *ANYWHERE, *([Unauthorized] if is_locked else []))
        described: Schema = {
            "tags": [TAGS[rule.endpoint.partition(".")[0]]],
            **_words(view),
            "operationId": re.sub(r"\W+", "_", f"{method}{path}"),
            "parameters": [
                *_path_parameters(path),
                *_query_parameters(operation.query),
                {"$ref": "#/components/parameters/RequestID"},
            ],
            "responses": {**self._answer(operation), **_refusals(errors)},
        }
        if operation.body:
            described["requestBody"] = {"required": operation.is_body_needed, "content": self._schemas(operation.body)}
        if self._with_keys and not is_locked:
            described["security"] = []
        return described

    def _answer(self, operation: Operation) -> Schema:
        if not operation.answer:
            return {}
        headers = {"X-Request-ID": {**REQUEST_ID_HEADER, "required": True}}
        content = self._schemas(operation.answer)
        answer = {"200": {"description": "The answer.", "headers": headers, "content": content}}
        if operation.is_conditional:
            answer["304"] = {
                "description": "The client has the answer, as If-None-Match says.",
                "headers": headers,
            }
        return answer

    def _schemas(self, content: Content) -> Schema:
        return {kind: {"schema": self._schema(type_)} for kind, type_ in content.items()}

    def _schema(self, type_: Any) -> Schema:
        schemas = [self._references[id(each)] for each in _alternatives(type_)]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _alternatives(type_: Any) -> tuple[Any, ...]:
    return type_ if isinstance(type_, tuple) else (type_,)


def _words(view: Callable[..., Any]) -> Schema:
    """Take summary and description from a docstring, without its sections."""
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
        {"name": name, "in": "query", "required": name in schema["required"], "schema": each}
        for name, each in schema["properties"].items()
    ]


def _refusals(errors: Errors) -> Schema:
    """Describe errors, by their status."""
    ordered = sorted(set(errors), key=attrgetter("status", "code"))
    return {str(status): _refusal(list(group)) for status, group in groupby(ordered, attrgetter("status"))}


def _refusal(errors: list[type[ServiceError]]) -> Schema:
    """Describe errors of one status, which all have the same headers."""
    codes = {"properties": {"code": {"enum": [error.code for error in errors]}}}
    headers = {
        name: {"required": True, "schema": {"type": "string"}, "example": value}
        for name, value in errors[0].headers.items()
    }
    return {
        "description": "\n".join(f"- `{error.code}`: {inspect.getdoc(error)}" for error in errors),
        "headers": {"X-Request-ID": REQUEST_ID_HEADER, **headers},
        "content": {JSON: {"schema": {"allOf": [{"$ref": SCHEMA.format(name="Failure")}, codes]}}},
    }
