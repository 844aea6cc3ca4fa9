"""The folder of models in the settings: where its versions are, or why it has none and which folder to name instead."""

import os
from pathlib import Path

from service.errors import SettingsError, os_reason
from service.models import store
from service.models.saved_model import GRAPH
from service.models.store import NAME
from service.settings import DEFAULT_MODELS, Settings, variable


def check(settings: Settings) -> None:
    """Check, at the start, that the folder of models exists. A worker that starts later waits for the folder.

    Raises:
        SettingsError: there is no such folder.

    """
    if not settings.models.is_dir():
        raise SettingsError(f"{variable('models')} is '{settings.models}', which is wrong: there is no such folder.")


def versions_folder(settings: Settings) -> Path:
    """Return the folder whose versions are served: `mnist` in `settings.models`.

    With `settings.shipped_first`, this is the package's own folder as long as the named folder is empty.
    """
    folder = settings.models / NAME
    is_empty = settings.shipped_first and not store.find_versions(folder) and not _describe_mistake(settings.models)
    return DEFAULT_MODELS / NAME if is_empty else folder


def explain_empty(models: Path) -> str:
    """Return why a folder of models has no version, and what to do: MNIST_MODELS may name the wrong folder."""
    folder = models / NAME
    return _describe_mistake(models) or f"There is no version in {folder}: put one there, as {folder / '1'}."


def _describe_mistake(models: Path) -> str:
    """Return which files are in the wrong place, or that the folder can't be read; empty if it just has no files."""
    path = models.resolve()
    try:
        folders = [path / name for name in sorted(os.listdir(path)) if os.path.isdir(path / name)]
    except OSError as error:
        return f"{models} can't be read: {os_reason(error)}."
    if os.path.exists(path / GRAPH):
        return f"{models} is a version itself: {_advise_name(path.parent)}"
    if store.find_versions(path):
        return f"{models} is the model's folder: {_advise_name(path)}"
    if os.path.exists(path / NAME / GRAPH):
        return f"{models / NAME} is a SavedModel without a number: move it to {models / NAME / '1'}."
    if nested := next((folder for folder in folders if store.find_versions(folder / NAME)), None):
        return f"{models} is not the folder of models: name {nested}."
    if renamed := next((folder for folder in folders if folder.name != NAME and store.find_versions(folder)), None):
        return f"{models} has versions of {renamed.name}: the model that is served is called {NAME}; rename {renamed}."
    return " ".join([*store.describe_ignored(path), *store.describe_ignored(path / NAME)])


def _advise_name(folder: Path) -> str:
    """Return which folder to name if `folder` holds the versions."""
    if folder.name == NAME:
        return f"name {folder.parent}, which it is in."
    return f"move the versions to {folder / NAME}, and name {folder}."
