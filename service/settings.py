"""Every setting, read once, from MNIST_* variables."""

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

# Variables that Kubernetes sets in each pod for a Service called mnist, and MNIST_PORT, if it is a URL.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
SERVICE_LINK = re.compile(r"MNIST_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)")
SERVICE_URL = re.compile(r"(tcp|udp|sctp)://.*")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the service runs. A field `max_bytes` is the variable MNIST_MAX_BYTES and the option --max-bytes."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    models: Annotated[
        Path, Meta(description="Folder of models; the highest version in its folder mnist is served.")
    ] = DEFAULT_MODELS
    shipped_first: Annotated[
        bool, Meta(description="While the folder of models is empty, the versions of the package are served.")
    ] = False
    runtime: Annotated[
        Literal["auto", "litert", "tensorflow"],
        Meta(description="What runs the model: litert where the version is compiled for it, or as told."),
    ] = "auto"
    outputs: Annotated[
        Literal["probabilities", "logits"], Meta(description="What a SavedModel without a model card answers.")
    ] = "probabilities"
    input_scale: Annotated[
        float, Meta(gt=0, description="What white is to a SavedModel without a model card: 1, or such as 255.")
    ] = 1
    max_loaded: Annotated[
        int, Meta(ge=1, description="Versions that a worker keeps loaded; the least used is dropped.")
    ] = 3
    workers: Annotated[int, Meta(ge=1, le=512, description="Worker processes.")] = msgspec.field(
        default_factory=cpu.available
    )
    threads: Annotated[int, Meta(ge=1, le=512, description="Requests that each worker answers at once.")] = 2
    fast_path: Annotated[bool, Meta(description="Small requests are answered around the framework.")] = True
    max_waiting: Annotated[
        int, Meta(ge=1, description="Requests that wait in each worker; more are refused with 503.")
    ] = 512
    max_connections: Annotated[
        int, Meta(ge=8, description="Connections of each worker; beyond it the slowest is closed.")
    ] = 1000
    max_buffered: Annotated[
        int, Meta(ge=1, description="Bytes of unfinished requests in each worker; beyond it the slowest is cut off.")
    ] = 64 * 2**20
    timeout: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds in which a request must arrive, and its answer be taken.")
    ] = 30
    keep_alive: Annotated[int, Meta(ge=1, le=3600, description="Seconds that an idle connection is kept.")] = 60
    grace: Annotated[
        int, Meta(ge=0, le=3600, description="Seconds that requests in flight are given when told to stop.")
    ] = 30
    max_bytes: Annotated[int, Meta(ge=1, description="Largest request body, in bytes.")] = 10 * 2**20
    max_pixels: Annotated[
        int,
        Meta(ge=784, description="Largest picture, width times height; a JPEG of a single scan may have four times."),
    ] = 12_500_000
    max_frames: Annotated[int, Meta(ge=1, description="Most frames or pages in a file.")] = 100
    max_files: Annotated[int, Meta(ge=1, description="Most pictures in one request.")] = 1000
    max_digits: Annotated[int, Meta(ge=1, le=1000, description="Most digits that are read in a picture.")] = 100
    api_keys: Annotated[
        str,
        Meta(
            description="Keys, one of which each request must bring, separated by commas; or sha256: and their hash.",
            extra={"secret": True},
        ),
    ] = ""
    api_keys_file: Annotated[str, Meta(description="File of such keys, one a line.")] = ""
    cors_origins: Annotated[
        str, Meta(description="Origins, separated by commas, whose pages may use this service; * is any.")
    ] = ""
    trusted_proxies: Annotated[
        str,
        Meta(
            description="Addresses and networks of proxies, separated by commas, whose X-Forwarded-Prefix is taken; "
            "* is any."
        ),
    ] = "127.0.0.1,::1"
    model_control: Annotated[bool, Meta(description="Requests may load and unload versions, as Triton's do.")] = False
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="How much is logged.")] = "info"
    log_format: Annotated[Literal["text", "json"], Meta(description="Lines for people, or JSON lines.")] = "text"


def variable(field: str) -> str:
    """Name the environment variable of a field of `Settings`."""
    return PREFIX + field.upper()


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Take every setting from its variable in `environ`, or its default.

    Raises:
        SettingsError: a value is wrong, or a variable that begins with MNIST_ is none of the settings.

    """
    _refuse_service_links(environ)
    types = {variable(field.name): field for field in msgspec.structs.fields(Settings)}
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    for name in given.keys() - types.keys():
        raise SettingsError(f"{name} is not a setting{_suggestion(name, list(types))}.")
    return Settings(**{types[name].name: _parse(name, given[name], types[name].type) for name in given})


def bind_address(settings: Settings) -> str:
    """Return the host and port to listen on as gunicorn takes them: an IPv6 address is in brackets.

    Raises:
        SettingsError: the host has a colon, and is no IPv6 address.

    """
    host = settings.host
    if ":" in host:
        try:
            host = f"[{IPv6Address(host.removeprefix('[').removesuffix(']'))}]"
        except ValueError:
            raise SettingsError(
                f"{variable('host')} is {host!r}, which is wrong: it takes an address without a port,"
                f" such as 0.0.0.0 or ::; the port is {variable('port')}."
            ) from None
    return f"{host}:{settings.port}"


def _refuse_service_links(environ: Mapping[str, str]) -> None:
    """Name the cause where Kubernetes set variables: the port in them is the Service's, not the one to listen on."""
    links = {name for name in environ if SERVICE_LINK.fullmatch(name)}
    if SERVICE_URL.fullmatch(environ.get(variable("port"), "")):
        links.add(variable("port"))
    for name in sorted(links):
        raise SettingsError(
            f"{name} is {environ[name]!r}, which Kubernetes sets for a Service called mnist, and is no setting:"
            " write enableServiceLinks: false in the pod's spec, or give the Service another name."
        )


def _parse(name: str, text: str, expected: Any) -> Any:
    value = text.lower() if get_origin(get_args(expected)[0]) is Literal else text
    try:
        return msgspec.convert(value, expected, strict=False, dec_hook=lambda _, folder: Path(folder))
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name} is {text!r}, which is wrong: {error}.") from None


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
