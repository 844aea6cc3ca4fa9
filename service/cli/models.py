"""The commands `models ...`: list, verify and label versions, and roll back the default."""

import os
import re
import time
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from service import checksums
from service.cli.output import cli_errors
from service.errors import ModelError
from service.models import loading, models_folder, store
from service.models.store import VersionPolicy
from service.preparation import finder
from service.settings import Settings, read_settings

LABEL = re.compile(r"[A-Za-z][\w.-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class LoadResult:
    """The result of loading a version."""

    can_be_served: bool
    fault: str = ""  # why it can't be served, or how it misreads


@click.group("models")
def models_group() -> None:
    """List, verify and label the versions of the model, or roll back to the previous version.

    A running service applies each change within seconds.
    """


@models_group.command("list")
def list_versions() -> None:
    """List the versions, highest first, with labels, accuracy on MNIST's test images, age and state."""
    with cli_errors():
        settings = read_settings(os.environ)
        folder, versions = _find_versions(settings)
        policy = store.read_policy(folder)
    results = _load_all(versions, settings)
    default = _find_default(policy, results)
    labels = {number: ", ".join(sorted(policy.labels_of(number))) for number in versions}
    width = max(len(text) for text in ("labels", *labels.values()))
    click.echo(f"{'version':>7}  {'labels':{width}}  {'accuracy':>8}  {'age':>10}  state")
    for number, path in reversed(versions.items()):
        state = _describe_state(results[number], number == default, number in policy.withdrawn)
        row = f"{number:7}  {labels[number]:{width}}  {_format_accuracy(path):>8}  {_format_age(path):>10}  {state}"
        click.echo(row)


def _describe_state(result: LoadResult, is_default: bool, is_withdrawn: bool) -> str:
    if not result.can_be_served:
        return result.fault
    state = "default" if is_default else "withdrawn" if is_withdrawn else "intact"
    return f"{state}; {result.fault}" if result.fault else state


def _find_versions(settings: Settings) -> tuple[Path, dict[int, Path]]:
    """Find the folder of versions and the versions in it. Print what else there looks like a version.

    Raises:
        ModelError: there are no versions.

    """
    folder = models_folder.versions_folder(settings)
    versions = store.find_versions(folder)
    if not versions:
        raise ModelError(models_folder.explain_empty(settings.models))
    for sentence in store.describe_ignored(folder):
        click.echo(sentence, err=True)
    return folder, versions


def _load_all(versions: Mapping[int, Path], settings: Settings) -> dict[int, LoadResult]:
    return {number: _load(path, settings) for number, path in versions.items()}


def _load(version: Path, settings: Settings) -> LoadResult:
    from service.batch.tasks import without_standard_error

    try:
        with without_standard_error():
            return LoadResult(True, loading.load(version, settings).fault)
    except ModelError as error:
        return LoadResult(False, str(error))


def _find_default(policy: VersionPolicy, results: Mapping[int, LoadResult]) -> int | None:
    """Return the version that the service would make the default; None if no version can be served."""
    served = [number for number, result in results.items() if result.can_be_served]
    return next(iter(policy.order(served, [number for number in served if results[number].fault])), None)


def _format_accuracy(version: Path) -> str:
    try:
        accuracy = store.read_card(version).metrics.test_accuracy
    except ModelError:
        return ""
    return f"{accuracy:.2%}" if accuracy else ""


def _format_age(version: Path) -> str:
    seconds = max(0.0, time.time() - version.stat().st_mtime)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


@models_group.command("verify")
def verify() -> None:
    """Check the files of all versions, and of the finder, against their model cards.

    A version that was measured with another finder is noted. The exit code is 1 if a file is damaged.
    """
    with cli_errors():
        settings = read_settings(os.environ)
        _, versions = _find_versions(settings)
    checksum = _verify_finder(settings.models)
    intact = [_verify_version(number, path, checksum) for number, path in versions.items()]
    raise SystemExit(not (checksum and all(intact)))


def _verify_finder(folder: Path) -> str:
    """Check the finder of a folder of models. Return its checksum, or an empty text if it is damaged."""
    try:
        files = finder.verify(folder).files
        checksum = checksums.sha256(finder.find_folder(folder) / finder.NETWORK)
    except ModelError as error:
        click.echo(f"finder: {error}")
        return ""
    click.echo(f"finder: {_describe_files(files)}.")
    return checksum


def _verify_version(number: int, version: Path, checksum: str) -> bool:
    try:
        card = store.verify(version)
    except ModelError as error:
        click.echo(f"{number}: {error}")
        return False
    is_other = checksum and card.finder not in ("", checksum)
    note = "; it was measured with another finder than the one here" if is_other else ""
    click.echo(f"{number}: {_describe_files(card.files)}{note}.")
    return True


def _describe_files(files: Sized) -> str:
    if not files:
        return "it has no model card to check by"
    return f"{len(files)} files are intact" if len(files) > 1 else "1 file is intact"


@models_group.command("label")
@click.argument("label")
@click.argument("version", type=click.IntRange(0), required=False)
@click.option("--remove", is_flag=True, help="Remove the label.")
def label(label: str, version: int | None, remove: bool) -> None:
    """Label a version, such as stable or canary, or move the label to it; --remove removes the label."""
    if not LABEL.fullmatch(label):
        raise click.BadParameter("A label begins with a letter; letters, digits, - _ and . follow.")
    if remove == (version is not None):
        raise click.UsageError("Name a version, or use --remove.")
    with cli_errors():
        folder, policy = _read_policy()
        if version is not None and version not in store.find_versions(folder):
            raise ModelError(f"There is no version {version} in {folder}.")
        if remove and label not in policy.labels:
            raise ModelError(f"There is no label {label} in {folder}.")
        labels = {name: number for name, number in policy.labels.items() if name != label}
        labels |= {} if version is None else {label: version}
        store.write_policy(folder, msgspec.structs.replace(policy, labels=labels))
    click.echo(f"Removed label {label}." if version is None else f"{label} is version {version}.")


@models_group.command("rollback")
@click.option("--undo", is_flag=True, help="Undo the last rollback.")
def rollback(undo: bool) -> None:
    """Make the previous version the default. The current default still answers under its number.

    A version that is trained later becomes the default.
    """
    with cli_errors():
        settings = read_settings(os.environ)
        folder, policy = _read_policy()
        if undo and not policy.withdrawn:
            raise ModelError("There is no rollback to undo.")
        results = _load_all(store.find_versions(folder), settings)
        if (default := _find_default(policy, results)) is None:
            raise ModelError(f"No version in {folder} can be served.")
        withdrawn = policy.withdrawn[:-1] if undo else (*policy.withdrawn, default)
        policy = msgspec.structs.replace(policy, withdrawn=withdrawn)
        previous = _find_default(policy, results)
        if previous in withdrawn:
            raise ModelError(f"No previous version in {folder} can be served.")
        store.write_policy(folder, policy)
    click.echo(f"The default is version {previous}.")


def _read_policy() -> tuple[Path, VersionPolicy]:
    """Return the folder of versions in `MNIST_MODELS`, and its labels and withdrawn versions."""
    models = read_settings(os.environ).models
    folder = models / store.NAME
    if not store.find_versions(folder):
        raise ModelError(models_folder.explain_empty(models))
    return folder, store.read_policy(folder)
