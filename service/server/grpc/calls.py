"""A call of gRPC as the HTTP request that asks the same, and its response as the answer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc

from service.errors import InternalError, UnknownModel
from service.models.loading import Model
from service.observability.request_log import Rpc
from service.server.grpc.messages import Message

Context = grpc.aio.ServicerContext[Any, Any]  # of a call that a handler answers

_SEGMENT = re.compile(r"[^/:?#%\s]+")


@dataclass(frozen=True)
class HttpRequest:
    """The HTTP request that asks what a call asks."""

    method: str
    path: str
    body: bytes = b""
    environ: Mapping[str, str] = field(default_factory=dict)  # the WSGI variables of its headers


@dataclass(frozen=True)
class HttpResponse:
    """The response of the application to a call."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    rpc: Rpc

    @property
    def model(self) -> Model:
        """The version of the model that answered, though its folder may be gone by now.

        Raises:
            InternalError: the response is not of a prediction.

        """
        if not self.rpc.model:
            raise InternalError
        return self.rpc.model


@dataclass(frozen=True)
class Method:
    """A unary method: the type of its requests, and the functions that translate it.

    `from_http` takes the call's message and the response. A status that is not in `answered` is an error. With
    `needs_key`, a key is checked before the message is parsed.
    """

    request: Any
    to_http: Callable[[Any], HttpRequest]
    from_http: Callable[[Any, HttpResponse], Message]
    answered: tuple[int, ...] = (200,)
    needs_key: bool = True


def check_segment(name: str) -> str:
    """Return the name of a model, version or label if it can be part of a path.

    Raises:
        UnknownModel: it can't, so nothing has this name.

    """
    if not _SEGMENT.fullmatch(name):
        raise UnknownModel(f"Request for unknown model: '{name}' is not found.")
    return name
