"""Loading and unloading of versions, as Triton's clients ask for it: which may be the default.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import flask
import msgspec
from flask import Blueprint, request
from msgspec import Meta

from service.api.bodies import decode_json, read_body
from service.api.error_responses import json_response
from service.api.open_inference.routes import check_name, find_model
from service.api.openapi import operation
from service.api.routes import repository, settings
from service.errors import (
    InvalidJSON,
    LastVersion,
    ModelControlOff,
    ModelError,
    UnknownModel,
    UnsupportedMediaType,
    os_reason,
)
from service.models import models_folder, store
from service.models.store import NAME, Choice

ERRORS = (ModelControlOff, UnknownModel, LastVersion, ModelError, InvalidJSON, UnsupportedMediaType)

Numbers = tuple[int, ...]

routes = Blueprint("model_control", __name__)


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be loaded or unloaded; configurations and files are not taken, but put into the folder of models."""

    version: Annotated[int | str, Meta(description="The number of a version; without, all or the default.")] = ""
    unload_dependents: Annotated[bool, Meta(description="Of no effect: no model depends on this one.")] = False


class ControlRequest(msgspec.Struct, frozen=True):
    """A request to load or unload."""

    parameters: Parameters = Parameters()


class Query(msgspec.Struct):
    """The same beside the path, where Triton's own client can put it."""

    version: Annotated[str, Meta(description="The number of a version, if `parameters` has none.")] = ""


class Default(msgspec.Struct, frozen=True):
    """What came of it."""

    default: Annotated[str, Meta(description="The number of the version that is the default now.")]


@routes.post("/v2/repository/models/<name>/load")
@operation(Default, body=ControlRequest, is_body_needed=False, query=Query, errors=ERRORS)
def load(name: str) -> flask.Response:
    """Load a version now, and let it be the default again if it was unloaded; without a version, let all be so."""
    number = _read_number(name)
    return _withdraw(lambda withdrawn: tuple(each for each in withdrawn if number not in (None, each)))


@routes.post("/v2/repository/models/<name>/unload")
@operation(Default, body=ControlRequest, is_body_needed=False, query=Query, errors=ERRORS)
def unload(name: str) -> flask.Response:
    """Let a version be the default no more; without a version, that which is. It is served under its number still."""
    number = _read_number(name)

    def add(withdrawn: Numbers) -> Numbers:
        unloaded = repository().default().version if number is None else number
        return (*(each for each in withdrawn if each != unloaded), unloaded)

    return _withdraw(add)


def _read_number(name: str) -> int | None:
    """Return the number of the version that the request names, loaded; None if it names none.

    Raises:
        ServiceError: ModelControlOff, InvalidJSON or UnknownModel.

    """
    if not settings().model_control:
        raise ModelControlOff(
            "Versions are not loaded or unloaded by requests here: start the service with MNIST_MODEL_CONTROL=true."
        )
    check_name(name)
    body = read_body(request)
    asked = decode_json(body, ControlRequest) if body else ControlRequest()
    version = str(asked.parameters.version) or request.args.get("version", "")
    return find_model(name, version).version if version else None


def _withdraw(change: Callable[[Numbers], Numbers]) -> flask.Response:
    """Change which versions are withdrawn from being the default, for all processes.

    Raises:
        LastVersion: none would be left that can be served.
        ModelError: the folder of models can't be read or written.

    """
    folder = models_folder.versions_folder(settings())
    with _locked(folder):
        repository().refresh()  # to what the other processes have changed
        choice = store.read_choice(folder)
        choice = msgspec.structs.replace(choice, withdrawn=change(choice.withdrawn))
        _check_left(choice)
        store.write_choice(folder, choice)
        repository().refresh()
    return json_response(Default(str(repository().default().version)))


def _check_left(choice: Choice) -> None:
    available = {version.number for version in repository().versions() if version.state == "AVAILABLE"}
    if available and available <= {*choice.withdrawn}:
        raise LastVersion(f"No other version of the model {NAME} is left to be the default: load one first.")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let requests to all processes change what is said of the versions in a folder one after the other."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ModelError(f"{folder} can't be read: {os_reason(error)}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
