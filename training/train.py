"""A whole run: from the data to a version in place, or to a candidate that is not as good as the one there."""

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from service.errors import ModelError
from service.models import loading, store
from service.models.runtimes import LiteRT
from service.preparation import finder
from service.preparation.finder import Finder
from service.preparation.normalize import scale
from training import calibration, export, model_card, promotion
from training.data import user_digits
from training.data.datasets import HELD_OUT, Dataset, Digits
from training.errors import Interrupted, NotBetter
from training.evaluate import Evaluation, answer, evaluate
from training.fit import History, describe_devices, fit
from training.model.recipes import RECIPES, Recipe
from training.model.split_batch import use_a_thread_for_each_half
from training.report import version_report
from training.synthetic import scene_digits
from training.synthetic.prepare import Prepared, prepare

CANDIDATES = "candidates"  # the folder beside the versions for those that are not as good
EVALUATION_SEED = 10_000  # of the uploads that versions are compared on, the same for all


@dataclass(frozen=True)
class Run:
    """What the command line asks for."""

    recipe: str
    overrides: dict[str, Any]
    extra: Path | None
    extra_weight: int
    seed: int
    models: Path
    evaluate_on: int
    resume: bool
    force: bool
    tensorboard: Path | None


def train(run: Run, dataset: Dataset) -> None:
    """Fit a recipe's network and put it in place as the next version.

    Raises:
        TrainingError: DataError, ExportError; Interrupted, by Ctrl-C; NotBetter, where the default version is better.

    """
    recipe = replace(RECIPES[run.recipe], **run.overrides)
    if recipe.augmented:
        use_a_thread_for_each_half()
    digits, held_out = dataset.split(recipe.held_out)
    loaded = finder.load(run.models)
    own = _load_extra(run, loaded)
    card = _describe(run, recipe, dataset, own, loaded)
    folder = run.models / store.NAME
    with export.staging(folder) as version:  # before the fit, so that a folder that can't be written stops it
        checkpoint = folder / f".fit-{model_card.digest(card)}.npz"
        model, card["history"], card["seconds"] = _fit(run, recipe, digits, held_out, own, checkpoint)
        card["libraries"] = model_card.libraries()
        model, temperature = _calibrate(model, held_out)
        export.write_version(model, version, scale(dataset.x_test))
        uploads = make_uploads(dataset, run.evaluate_on, run.models)
        if temperature:
            card["calibration"] = {"temperature": temperature, "threshold": _find_threshold(version, held_out, uploads)}
        evaluation = assess(version, card, dataset, uploads)
        _put_in_place(version, folder, evaluation, [] if run.force else _compare(folder, evaluation, dataset, uploads))
        checkpoint.unlink(missing_ok=True)


def assess(version: Path, card: model_card.Card, dataset: Dataset, uploads: Prepared) -> Evaluation:
    """Evaluate a version, and write its report and its card, with the metrics added."""
    evaluation = evaluate(loading.open_runtime(version, "tensorflow"), dataset, uploads)
    card = {**card, "metrics": evaluation.metrics()}
    version_report.write(version, card, evaluation)
    model_card.write(version, card)
    return evaluation


def make_uploads(dataset: Dataset, count: int, models_folder: Path) -> Prepared:
    """Make the uploads that versions in a folder are evaluated on, of training images that recipes hold out."""
    return prepare(dataset.train[-HELD_OUT:], count, EVALUATION_SEED, models_folder)


def _load_extra(run: Run, loaded: Finder) -> Digits | None:
    if run.extra is None:
        return None
    digits, unreadable = user_digits.load(run.extra, loaded)
    for sentence in unreadable:
        click.echo(f"Left out: {sentence}", err=True)
    click.echo(f"{len(digits)} pictures in {run.extra} are mixed in, each {run.extra_weight} times an epoch.")
    return digits


def _describe(run: Run, recipe: Recipe, dataset: Dataset, own: Digits | None, loaded: Finder) -> model_card.Card:
    """Say what decides the weights: the same description, the same weights."""
    card = {
        "recipe": run.recipe,
        "settings": {key: value for key, value in asdict(recipe).items() if key != "build"},
        "seed": run.seed,
        "data": dataset.checksums(),
        "finder": loaded.checksum,
    }
    return card if own is None else {**card, "extra": {"weight": run.extra_weight, **own.checksums()}}


def _fit(
    run: Run, recipe: Recipe, digits: Digits, held_out: Digits, own: Digits | None, checkpoint: Path
) -> tuple[keras.Model, History, float]:
    start = time.monotonic()
    if not run.resume:
        checkpoint.unlink(missing_ok=True)
    elif not checkpoint.exists():
        click.echo("There is nothing to resume, of these settings, seed and data: starts with the first epoch.")
    logs = [keras.callbacks.TensorBoard(run.tensorboard)] if run.tensorboard else []
    click.echo(f"Fits {run.recipe} on {describe_devices()}.")
    try:
        shown = _gather(run, recipe, digits, own)
        return *fit(recipe, shown, run.seed, held_out, checkpoint, logs), time.monotonic() - start
    except KeyboardInterrupt:
        sentence = "Interrupted. With --resume, the same command goes on from the last finished epoch."
        raise Interrupted(sentence) from None
    finally:
        click.echo()  # ends the line of the progress bar


def _gather(run: Run, recipe: Recipe, digits: Digits, own: Digits | None) -> Digits:
    """Add uploads and scenes of the digits, letterforms and the user's digits to what a network is fitted to."""
    shown = digits.repeated(recipe.repeats)
    if recipe.uploads:
        prepared = prepare(digits, recipe.uploads, run.seed, run.models).digits
        shown += prepared[np.flatnonzero(prepared.images.any(axis=(1, 2)))]  # in some nothing is found
    if recipe.scenes or recipe.hands or recipe.numbers:
        empty = recipe.scenes // 2 if recipe.outliers else 0  # for the eleventh answer
        counts = scene_digits.Counts(recipe.scenes, recipe.hands, recipe.numbers, empty)
        shown += scene_digits.read(digits, counts, run.seed, run.models)
    return shown if own is None else shown + own.repeated(run.extra_weight)


def _calibrate(model: keras.Model, held_out: Digits) -> tuple[keras.Model, float | None]:
    if not held_out:
        return calibration.calibrated(model, temperature=1), None
    probabilities = model.predict(scale(held_out.images), verbose=0)
    temperature = calibration.find_temperature(probabilities, held_out.labels)
    return calibration.calibrated(model, temperature), temperature


def _find_threshold(version: Path, held_out: Digits, uploads: Prepared) -> float:
    runtime = LiteRT(version)
    confidences = [answer(runtime, digits).confidences for digits in (held_out, uploads.digits)]
    return calibration.find_threshold(np.concatenate(confidences))


def _compare(folder: Path, evaluation: Evaluation, dataset: Dataset, uploads: Prepared) -> list[str]:
    """Say in what a version is worse than the default in the folder; nothing where that is none, or can't be read."""
    present = store.find(folder)
    if not present:
        return []
    number = max(present)
    try:
        number = store.read_choice(folder).order(present)[0]
        runtime = loading.open_runtime(present[number])
    except ModelError as error:
        click.echo(f"Not compared with version {number}: {error}", err=True)
        return []
    return promotion.objections(evaluation, evaluate(runtime, dataset, uploads))


def _put_in_place(version: Path, folder: Path, evaluation: Evaluation, objections: list[str]) -> None:
    if objections:
        candidate = export.publish(version, folder / CANDIDATES)
        raise NotBetter(
            f"The default version in {folder} is better: {'; '.join(objections)}."
            f" The new one stays a candidate, in {candidate}. The same command with --resume --force puts it in place."
        )
    target = export.publish(version, folder)
    metrics = evaluation.metrics()
    click.echo(
        f"Version {target.name} is in {target}: test accuracy {metrics['test_accuracy']:.4f},"
        f" uploads {metrics['uploads_accuracy']:.4f}."
    )
