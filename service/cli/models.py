"""The command line's `models`: what versions there are, whether they are intact, which is the default."""

import os
import re
import time
from collections.abc import Iterator, Mapping, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from service import checksums
from service.errors import ModelError, ServiceError
from service.models import loading, models_folder, store
from service.models.store import Choice
from service.preparation import finder
from service.settings import Settings, read_settings

LABEL = re.compile(r"[A-Za-z][\w.-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Outcome:
    """What came of loading a version."""

    is_served: bool
    remark: str = ""  # why it can't be served, or how it misreads


@contextmanager
def refusals() -> Iterator[None]:
    """Tell what is refused as one sentence, where Python has a traceback."""
    try:
        yield
    except ServiceError as error:
        raise click.ClickException(str(error)) from error


@click.group("models")
def administer() -> None:
    """List, verify and label the versions of the model, or go back to the previous one.

    A running service takes what is changed here within seconds.
    """


@administer.command("list")
def show() -> None:
    """List the versions, the highest first: labels, accuracy on MNIST's test images, age and state."""
    with refusals():
        settings = read_settings(os.environ)
        folder, found = _find(settings)
        choice = store.read_choice(folder)
    outcomes = _load_all(found, settings)
    default = _choose(choice, outcomes)
    labels = {number: ", ".join(sorted(choice.labels_of(number))) for number in found}
    width = max(len(text) for text in ("labels", *labels.values()))
    click.echo(f"{'version':>7}  {'labels':{width}}  {'accuracy':>8}  {'age':>10}  state")
    for number, path in reversed(found.items()):
        outcome, state = outcomes[number], "withdrawn" if number in choice.withdrawn else "intact"
        states = ["default" if number == default else state] if outcome.is_served else []
        state = "; ".join([*states, *filter(None, [outcome.remark])])
        click.echo(f"{number:7}  {labels[number]:{width}}  {_accuracy(path):>8}  {_age(path):>10}  {state}")


def _find(settings: Settings) -> tuple[Path, dict[int, Path]]:
    """Find the versions that are served, and their folder; tell of what looks like one beside them.

    Raises:
        ModelError: there are none; it says what to name.

    """
    folder = models_folder.versions_folder(settings)
    found = store.find(folder)
    if not found:
        raise ModelError(models_folder.why_empty(settings.models))
    for sentence in store.ignored(folder):
        click.echo(sentence, err=True)
    return folder, found


def _load_all(found: Mapping[int, Path], settings: Settings) -> dict[int, Outcome]:
    return {number: _load(path, settings) for number, path in found.items()}


def _load(version: Path, settings: Settings) -> Outcome:
    from service.cli.batch_predict import without_standard_error

    try:
        with without_standard_error():
            return Outcome(True, loading.load(version, settings).fault)
    except ModelError as error:
        return Outcome(False, str(error))


def _choose(choice: Choice, outcomes: Mapping[int, Outcome]) -> int | None:
    """Choose the default as the service does; None where no version can be served."""
    served = [number for number, outcome in outcomes.items() if outcome.is_served]
    return next(iter(choice.order(served, [number for number in served if outcomes[number].remark])), None)


def _accuracy(version: Path) -> str:
    try:
        accuracy = store.read_card(version).metrics.test_accuracy
    except ModelError:
        return ""
    return f"{accuracy:.2%}" if accuracy else ""


def _age(version: Path) -> str:
    seconds = max(0.0, time.time() - version.stat().st_mtime)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


@administer.command("verify")
def verify() -> None:
    """Check every file of every version, and of the finder, against its model card.

    The exit code is 1 if one is damaged. That a version was measured with another finder is told, too.
    """
    with refusals():
        settings = read_settings(os.environ)
        _, found = _find(settings)
    checksum = _verify_finder(settings.models)
    intact = [_verify(number, path, checksum) for number, path in found.items()]
    raise SystemExit(not (checksum and all(intact)))


def _verify_finder(folder: Path) -> str:
    """Check the finder of a folder of models, and return its checksum, or nothing if it is damaged."""
    try:
        files = finder.verify(folder).files
        checksum = checksums.sha256(finder.home(folder) / finder.NETWORK)
    except ModelError as error:
        click.echo(f"finder: {error}")
        return ""
    click.echo(f"finder: {_count(files)}.")
    return checksum


def _verify(number: int, version: Path, checksum: str) -> bool:
    try:
        card = store.verify(version)
    except ModelError as error:
        click.echo(f"{number}: {error}")
        return False
    is_other = checksum and card.finder not in ("", checksum)
    note = "; it was measured with another finder than the one here" if is_other else ""
    click.echo(f"{number}: {_count(card.files)}{note}.")
    return True


def _count(files: Sized) -> str:
    if not files:
        return "it has no model card to check by"
    return f"{len(files)} files are intact" if len(files) > 1 else "1 file is intact"


@administer.command("label")
@click.argument("label")
@click.argument("version", type=click.IntRange(0), required=False)
@click.option("--remove", is_flag=True, help="Remove the label.")
def label(label: str, version: int | None, remove: bool) -> None:
    """Give a version a label, such as stable or canary, or move it there; --remove takes it away."""
    if not LABEL.fullmatch(label):
        raise click.BadParameter("A label begins with a letter; letters, digits, - _ and . follow.")
    if remove == (version is not None):
        raise click.UsageError("Say which version the label is for, or --remove.")
    with refusals():
        folder, choice = _own_folder()
        if version is not None and version not in store.find(folder):
            raise ModelError(f"There is no version {version} in {folder}.")
        if remove and label not in choice.labels:
            raise ModelError(f"There is no label {label} in {folder}.")
        labels = {name: number for name, number in choice.labels.items() if name != label}
        labels |= {} if version is None else {label: version}
        store.write_choice(folder, msgspec.structs.replace(choice, labels=labels))
    click.echo(f"{label} is no more." if version is None else f"{label} is version {version}.")


@administer.command("rollback")
@click.option("--undo", is_flag=True, help="Take the last rollback back.")
def rollback(undo: bool) -> None:
    """Make the previous version the default. The present one stays served under its number.

    A version that is trained later becomes the default again.
    """
    with refusals():
        settings = read_settings(os.environ)
        folder, choice = _own_folder()
        if undo and not choice.withdrawn:
            raise ModelError("There is no rollback to take back.")
        outcomes = _load_all(store.find(folder), settings)
        if (present := _choose(choice, outcomes)) is None:
            raise ModelError(f"There is no version in {folder} that could be served.")
        withdrawn = choice.withdrawn[:-1] if undo else (*choice.withdrawn, present)
        choice = msgspec.structs.replace(choice, withdrawn=withdrawn)
        previous = _choose(choice, outcomes)
        if previous in withdrawn:
            raise ModelError(f"There is no previous version in {folder} that could be served.")
        store.write_choice(folder, choice)
    click.echo(f"The default is version {previous}.")


def _own_folder() -> tuple[Path, Choice]:
    """Give the folder of versions under the setting MNIST_MODELS, and what was said of them."""
    home = read_settings(os.environ).models
    if not store.find(home / store.NAME):
        raise ModelError(models_folder.why_empty(home))
    return home / store.NAME, store.read_choice(home / store.NAME)
