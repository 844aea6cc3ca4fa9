"""Every setting, read once, from MNIST_* variables."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from service.errors import SettingsError

PREFIX = "MNIST_"
DEFAULT_MODELS = Path(__file__).parent / "default_model"


def available_cores() -> int:
    """Count the processor cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the service runs. A field `max_bytes` is the variable MNIST_MAX_BYTES and the option --max-bytes."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    models: Annotated[
        Path, Meta(description="Folder of models; the highest version in its folder mnist is served.")
    ] = DEFAULT_MODELS
    runtime: Annotated[
        Literal["auto", "litert", "tensorflow"],
        Meta(description="What runs the model: litert where the version is compiled for it, or as told."),
    ] = "auto"
    workers: Annotated[int, Meta(ge=1, le=512, description="Worker processes.")] = msgspec.field(
        default_factory=available_cores
    )
    threads: Annotated[int, Meta(ge=1, le=512, description="Requests each worker reads at once.")] = 4
    grace: Annotated[
        int, Meta(ge=0, le=3600, description="Seconds that requests in flight are given when told to stop.")
    ] = 30
    max_bytes: Annotated[int, Meta(ge=1, description="Largest request body, in bytes.")] = 10 * 2**20
    max_pixels: Annotated[
        int,
        Meta(ge=784, description="Largest picture, width times height; a JPEG of a single scan may have four times."),
    ] = 12_500_000
    max_frames: Annotated[int, Meta(ge=1, description="Most frames or pages in a file.")] = 100
    max_files: Annotated[int, Meta(ge=1, description="Most files in one batch.")] = 1000
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="How much is logged.")] = "info"


def variable(field: str) -> str:
    """Name the environment variable of a field of `Settings`."""
    return PREFIX + field.upper()


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Take every setting from its variable in `environ`, or its default.

    Raises:
        SettingsError: a value is wrong, or a variable that begins with MNIST_ is none of the settings.

    """
    types = {variable(field.name): field for field in msgspec.structs.fields(Settings)}
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    for name in given.keys() - types.keys():
        raise SettingsError(f"{name} is not a setting{_suggestion(name, list(types))}.")
    return Settings(**{types[name].name: _parse(name, given[name], types[name].type) for name in given})


def _parse(name: str, text: str, expected: Any) -> Any:
    try:
        return msgspec.convert(text, expected, strict=False, dec_hook=_parse_folder)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name} is {text!r}, which is wrong: {error}.") from None


def _parse_folder(_: type, text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise ValueError("there is no such folder")
    return folder


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
