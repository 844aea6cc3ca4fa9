"""Loads and unloads versions for Triton's clients: an unloaded version is withdrawn from being the default.

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

from service.api.bodies import read_json
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
from service.models.store import NAME, VersionPolicy

ERRORS = (ModelControlOff, UnknownModel, LastVersion, ModelError, InvalidJSON, UnsupportedMediaType)

Numbers = tuple[int, ...]

routes = Blueprint("model_control", __name__)


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to load or unload. Configurations and files are not accepted: put them into the folder of models."""

    version: Annotated[
        int | str,
        Meta(description="The number of a version. Without it, all versions are loaded, or the default is unloaded."),
    ] = ""
    unload_dependents: Annotated[bool, Meta(description="Has no effect: no model depends on this one.")] = False


class ControlRequest(msgspec.Struct, frozen=True):
    """A request to load or unload."""

    parameters: Parameters = Parameters()


class Query(msgspec.Struct):
    """The version in the query string, where Triton's own client can put it."""

    version: Annotated[str, Meta(description="The number of a version, if `parameters` does not have it.")] = ""


class Default(msgspec.Struct, frozen=True):
    """The default version after the change."""

    default: Annotated[str, Meta(description="The number of the default version.")]


@routes.post("/v2/repository/models/<name>/load")
@operation(Default, body=ControlRequest, is_body_required=False, query=Query, errors=ERRORS)
def load(name: str) -> flask.Response:
    """Load a version, and let it be the default again if it was unloaded. Without a version, do so for all."""
    number = _read_number(name)
    return _withdraw(lambda withdrawn: tuple(version for version in withdrawn if number not in (None, version)))


@routes.post("/v2/repository/models/<name>/unload")
@operation(Default, body=ControlRequest, is_body_required=False, query=Query, errors=ERRORS)
def unload(name: str) -> flask.Response:
    """Withdraw a version, or the default, from being the default. It still answers under its number."""
    number = _read_number(name)

    def add(withdrawn: Numbers) -> Numbers:
        unloaded = repository().default().version if number is None else number
        return (*(version for version in withdrawn if version != unloaded), unloaded)

    return _withdraw(add)


def _read_number(name: str) -> int | None:
    """Load the version that the request names, and return its number, or None if the request names no version.

    Raises:
        ServiceError: ModelControlOff, InvalidJSON or UnknownModel.

    """
    if not settings().model_control:
        raise ModelControlOff("Clients can't load or unload versions: start the service with MNIST_MODEL_CONTROL=true.")
    check_name(name)
    control = read_json(request, ControlRequest)
    version = str(control.parameters.version) or request.args.get("version", "")
    return find_model(name, version).version if version else None


def _withdraw(change: Callable[[Numbers], Numbers]) -> flask.Response:
    """Change which versions are withdrawn, for all processes.

    Raises:
        LastVersion: no version that can be served would be left.
        ModelError: the folder of models can't be read or written.

    """
    folder = models_folder.versions_folder(settings())
    with _locked(folder):
        repository().refresh()  # reads the changes of other processes
        policy = store.read_policy(folder)
        policy = msgspec.structs.replace(policy, withdrawn=change(policy.withdrawn))
        _check_default_left(policy)
        store.write_policy(folder, policy)
        repository().refresh()
    return json_response(Default(str(repository().default().version)))


def _check_default_left(policy: VersionPolicy) -> None:
    available = {version.number for version in repository().versions() if version.state == "AVAILABLE"}
    if available and available <= {*policy.withdrawn}:
        raise LastVersion(f"No other version of the model {NAME} is left to be the default: load one first.")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder of versions, so that requests in all processes change it one after the other."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ModelError(f"{folder} can't be read: {os_reason(error)}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
