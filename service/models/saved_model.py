"""Whether a folder holds a SavedModel that is whole; and if not, what it holds, and what to do."""

import re
from pathlib import Path

from service.errors import ModelError
from service.models.store import KERAS_SUFFIXES, say_keras

GRAPH = "saved_model.pb"
INDEX = "variables/variables.index"
_SHARD = re.compile(r"variables\.data-\d{5}-of-(\d{5})")


def check(version: Path) -> None:
    """Check that a folder has the files of a SavedModel.

    Raises:
        ModelError: it has none, or something else, or a part of them.

    """
    graph = version / GRAPH
    if graph.is_file() and graph.stat().st_size:
        return
    raise ModelError(_say_other(version))


def why_unreadable(version: Path, error: Exception) -> str:
    """Say why TensorFlow raised an error for a folder that has a SavedModel's graph."""
    if missing := _missing(version):
        return f"{version} is only half copied: {missing} is missing."
    return f"TensorFlow can't read {version}, which may be damaged or half copied: {first_line(error)}."


def _say_other(version: Path) -> str:
    files = sorted(path for path in version.rglob("*") if path.is_file() and not path.name.startswith("."))
    keras = [path for path in files if path.suffix in KERAS_SUFFIXES]
    if not files:
        return f"{version} is empty: copy the files of a SavedModel into it."
    if (version / GRAPH).exists():
        return f"{version} is only half copied: {GRAPH} is empty."
    if inner := next((path.parent for path in files if path.name == GRAPH), None):
        return f"{version} is no SavedModel, but {inner} is: move its files up."
    if (version / "variables").exists():
        return f"{version} is only half copied: {GRAPH} is missing."
    if keras:
        return say_keras(keras[0], version)
    return f"{version} is no SavedModel: it has {files[0].name}, and no {GRAPH}."


def _missing(version: Path) -> str:
    """Name a file of the variables that is missing, if there are any variables."""
    folder = version / "variables"
    if not (version / INDEX).exists():
        return INDEX
    shards = [found for path in folder.iterdir() if (found := _SHARD.fullmatch(path.name))]
    return "" if shards and len(shards) == int(shards[0][1]) else "a file variables/variables.data"


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, without a full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
