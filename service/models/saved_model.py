"""Checks that a folder holds a complete SavedModel, and sentences that say what it holds instead and what to do."""

import re
from pathlib import Path

from service.errors import ModelError
from service.models.store import KERAS_SUFFIXES, describe_keras_file

GRAPH = "saved_model.pb"
INDEX = "variables/variables.index"
_SHARD = re.compile(r"variables\.data-\d{5}-of-(\d{5})")


def check(version: Path) -> None:
    """Check that a folder has the files of a SavedModel.

    Raises:
        ModelError: the files are missing or incomplete; the message says what to do.

    """
    graph = version / GRAPH
    if graph.is_file() and graph.stat().st_size:
        return
    raise ModelError(_describe_content(version))


def explain_unreadable(version: Path, error: Exception) -> str:
    """Return why TensorFlow can't load a folder that has the graph of a SavedModel, as a sentence."""
    if missing := _find_missing(version):
        return f"{version} is only half copied: {missing} is missing."
    return f"TensorFlow can't read {version}, which may be damaged or half copied: {first_line(error)}."


def _describe_content(version: Path) -> str:
    """Return what a folder without a complete graph holds, and what to do, as a sentence."""
    files = sorted(path for path in version.rglob("*") if path.is_file() and not path.name.startswith("."))
    keras_files = [path for path in files if path.suffix in KERAS_SUFFIXES]
    if not files:
        return f"{version} is empty: copy the files of a SavedModel into it."
    if (version / GRAPH).exists():
        return f"{version} is only half copied: {GRAPH} is empty."
    if inner := next((path.parent for path in files if path.name == GRAPH), None):
        return f"{version} is no SavedModel, but {inner} is: move its files up."
    if (version / "variables").exists():
        return f"{version} is only half copied: {GRAPH} is missing."
    if keras_files:
        return describe_keras_file(keras_files[0], version)
    return f"{version} is no SavedModel: it has {files[0].name}, and no {GRAPH}."


def _find_missing(version: Path) -> str:
    """Return the name of a missing file of the variables; empty if none is missing."""
    folder = version / "variables"
    if not (version / INDEX).exists():
        return INDEX
    shards = [match for path in folder.iterdir() if (match := _SHARD.fullmatch(path.name))]
    return "" if shards and len(shards) == int(shards[0][1]) else "a file variables/variables.data"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, without the full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
