"""The folder of models that the settings name: where its versions are, or why it has none and what to name instead."""

import os
from pathlib import Path

from service.errors import SettingsError, os_reason
from service.models import store
from service.models.store import NAME
from service.settings import DEFAULT_MODELS, Settings, variable

SAVED_MODEL = "saved_model.pb"


def check(settings: Settings) -> None:
    """Check, at the start, that the folder of models is there; a worker that starts later waits for it.

    Raises:
        SettingsError: it isn't.

    """
    if not settings.models.is_dir():
        raise SettingsError(f"{variable('models')} is '{settings.models}', which is wrong: there is no such folder.")


def versions_folder(settings: Settings) -> Path:
    """Return the folder whose versions are served: `mnist` in `settings.models`.

    It is that of the package instead where no other is named, or while the one that is named is empty, if
    `settings.shipped_first` says so.
    """
    folder = settings.models / NAME
    is_empty = settings.shipped_first and not store.find(folder) and not _mistake(settings.models)
    return DEFAULT_MODELS / NAME if is_empty else folder


def why_empty(models: Path) -> str:
    """Say why a folder of models has no version, and what to do: MNIST_MODELS may name another than it should."""
    return _mistake(models) or f"There is no version in {models / NAME}: put one there, as {models / NAME / '1'}."


def _mistake(models: Path) -> str:
    """Say what was put in the wrong place, or that nothing can be read; nothing where the folder is just empty."""
    path = models.resolve()
    try:
        folders = [path / name for name in sorted(os.listdir(path)) if os.path.isdir(path / name)]
    except OSError as error:
        return f"{models} can't be read: {os_reason(error)}."
    if os.path.exists(path / SAVED_MODEL):
        return f"{models} is a version itself: {_advise(path.parent)}"
    if store.find(path):
        return f"{models} is the model's folder: {_advise(path)}"
    if os.path.exists(path / NAME / SAVED_MODEL):
        return f"{models / NAME} is a SavedModel without a number: move it to {models / NAME / '1'}."
    if inner := next((folder for folder in folders if store.find(folder / NAME)), None):
        return f"{models} is not the folder of models: name {inner}."
    if other := next((folder for folder in folders if folder.name != NAME and store.find(folder)), None):
        return f"{models} has versions of {other.name}: the model that is served is called {NAME}; rename {other}."
    return " ".join([*store.ignored(path), *store.ignored(path / NAME)])


def _advise(folder: Path) -> str:
    """Say what to name where `folder` has the versions."""
    if folder.name == NAME:
        return f"name {folder.parent}, which it is in."
    return f"move the versions to {folder / NAME}, and name {folder}."
