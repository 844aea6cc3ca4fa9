"""All settings, read once from MNIST_* variables."""

import difflib
import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from service import cpu
from service.errors import SettingsError

PREFIX = "MNIST_"
DEFAULT_MODELS = Path(__file__).parent / "bundled_models"

# Variables that Kubernetes sets in each pod for a Service called mnist. It also sets MNIST_PORT, to a URL.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
SERVICE_LINK = re.compile(r"MNIST_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)")
SERVICE_URL = re.compile(r"(tcp|udp|sctp)://.*")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings. The field `max_bytes` is the variable MNIST_MAX_BYTES and the option --max-bytes."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 chooses a free port.")] = 8080
    grpc_port: Annotated[
        int, Meta(ge=0, le=65535, description="Port for gRPC, which needs the extra grpc; 0 turns gRPC off.")
    ] = 0
    models: Annotated[
        Path, Meta(description="Folder of models; the highest version in its folder mnist is the default.")
    ] = DEFAULT_MODELS
    shipped_first: Annotated[
        bool, Meta(description="Serve the versions of the package while the folder of models is empty.")
    ] = False
    runtime: Annotated[
        Literal["auto", "litert", "tensorflow"],
        Meta(description="Runtime of the model; auto is litert if the version has a LiteRT model, else tensorflow."),
    ] = "auto"
    outputs: Annotated[
        Literal["probabilities", "logits"], Meta(description="Output of a SavedModel without a model card.")
    ] = "probabilities"
    input_scale: Annotated[
        float, Meta(gt=0, description="Value of a white pixel for a SavedModel without a model card, such as 1 or 255.")
    ] = 1
    max_loaded: Annotated[
        int, Meta(ge=1, description="Versions that each worker keeps loaded; more unload the least recently used.")
    ] = 3
    workers: Annotated[int, Meta(ge=1, le=512, description="Worker processes.")] = msgspec.field(
        default_factory=cpu.count_available
    )
    threads: Annotated[int, Meta(ge=1, le=512, description="Requests that each worker answers at the same time.")] = 2
    fast_path: Annotated[bool, Meta(description="Answer small requests in the event loop, without Flask.")] = True
    max_waiting: Annotated[
        int, Meta(ge=1, description="Requests that may wait in each worker; more are answered with 503.")
    ] = 512
    max_connections: Annotated[
        int, Meta(ge=8, description="Connections of each worker; beyond it the slowest connection is closed.")
    ] = 1000
    max_buffered: Annotated[
        int, Meta(ge=1, description="Bytes of unfinished requests in each worker; beyond it the oldest is rejected.")
    ] = 64 * 2**20
    timeout: Annotated[
        int,
        Meta(ge=1, le=3600, description="Seconds for a request to arrive, and for the client to receive the response."),
    ] = 30
    keep_alive: Annotated[int, Meta(ge=1, le=3600, description="Seconds before an idle connection is closed.")] = 60
    grace: Annotated[
        int, Meta(ge=0, le=3600, description="Seconds for requests in flight to finish at the shutdown.")
    ] = 30
    max_bytes: Annotated[int, Meta(ge=1, description="Largest request body, in bytes.")] = 10 * 2**20
    max_pixels: Annotated[
        int,
        Meta(ge=784, description="Most pixels of an image; a JPEG of a single scan may have four times as many."),
    ] = 12_500_000
    max_frames: Annotated[int, Meta(ge=1, description="Most frames or pages of an image file.")] = 100
    max_files: Annotated[int, Meta(ge=1, description="Most images in one request.")] = 1000
    max_digits: Annotated[int, Meta(ge=1, le=1000, description="Most digits that are read in one image.")] = 100
    api_keys: Annotated[
        str,
        Meta(
            description="API keys, separated by commas, or sha256: and the hash of a key; each request needs one.",
            extra={"secret": True},
        ),
    ] = ""
    api_keys_file: Annotated[str, Meta(description="File of API keys, one per line.")] = ""
    cors_origins: Annotated[
        str, Meta(description="Origins whose pages may use this service, separated by commas; * is any.")
    ] = ""
    trusted_proxies: Annotated[
        str,
        Meta(
            description="Addresses and networks of proxies whose X-Forwarded-Prefix is trusted, separated by "
            "commas; * is any."
        ),
    ] = "127.0.0.1,::1"
    model_control: Annotated[bool, Meta(description="Let clients load and unload versions, as Triton does.")] = False
    feedback: Annotated[
        str, Meta(description="Folder where corrections of wrong answers are kept; without one, none are taken.")
    ] = ""
    feedback_max_files: Annotated[int, Meta(ge=1, description="Most corrections that are kept.")] = 10_000
    feedback_max_bytes: Annotated[int, Meta(ge=1, description="Most bytes that all corrections may take.")] = 2**30
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Lowest level that is logged.")
    ] = "info"
    log_format: Annotated[Literal["text", "json"], Meta(description="Log lines as text, or as JSON.")] = "text"


def variable(field: str) -> str:
    """Return the name of the environment variable of a field of `Settings`."""
    return PREFIX + field.upper()


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Parse the settings from their variables in `environ`. Settings without a variable have their default.

    Raises:
        SettingsError: a value is invalid, or no setting belongs to a variable that begins with MNIST_.

    """
    _check_service_links(environ)
    fields = {variable(field.name): field for field in msgspec.structs.fields(Settings)}
    values = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    for name in values.keys() - fields.keys():
        raise SettingsError(f"{name} is not a setting{_suggestion(name, list(fields))}.")
    return Settings(**{fields[name].name: _parse(name, value, fields[name].type) for name, value in values.items()})


def bind_address(host: str, port: int) -> str:
    """Return the address to listen on, in gunicorn's syntax: an IPv6 address is in brackets.

    Raises:
        SettingsError: the host has a colon, but is not an IPv6 address.

    """
    if ":" in host:
        try:
            host = f"[{IPv6Address(host.removeprefix('[').removesuffix(']'))}]"
        except ValueError:
            raise SettingsError(
                f"{variable('host')} is {host!r}, which is wrong: write an address without a port,"
                f" such as 0.0.0.0 or ::; the port is {variable('port')}."
            ) from None
    return f"{host}:{port}"


def _check_service_links(environ: Mapping[str, str]) -> None:
    """Reject variables that Kubernetes set: their port is the Service's, not the port to listen on."""
    links = {name for name in environ if SERVICE_LINK.fullmatch(name)}
    if SERVICE_URL.fullmatch(environ.get(variable("port"), "")):
        links.add(variable("port"))
    for name in sorted(links):
        raise SettingsError(
            f"{name} is {environ[name]!r}, which Kubernetes sets for a Service called mnist. It is not a setting:"
            " write enableServiceLinks: false in the pod's spec, or give the Service another name."
        )


def _parse(name: str, text: str, type_: Any) -> Any:
    value = text.lower() if get_origin(get_args(type_)[0]) is Literal else text
    try:
        return msgspec.convert(value, type_, strict=False, dec_hook=lambda _, folder: Path(folder))
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name} is {text!r}, which is wrong: {error}.") from None


def _suggestion(name: str, names: list[str]) -> str:
    matches = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {matches[0]}?)" if matches else ""
