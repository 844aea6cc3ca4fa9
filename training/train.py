"""A whole run: from the data to a version in place, or to a candidate that is worse than the default version."""

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
from service.preparation.normalize import to_vectors
from training import calibration, export, model_card, promotion
from training.data import user_digits
from training.data.datasets import HELD_OUT, Dataset, Digits
from training.errors import Interrupted, NotBetter
from training.evaluate import EVALUATION_SEED, Evaluation, evaluate, predict_digits
from training.fit import History, describe_devices, fit
from training.model.recipes import RECIPES, Recipe
from training.model.split_batch import use_a_thread_for_each_half
from training.report import version_report
from training.synthetic import scene_digits
from training.synthetic.prepare import PreparedUploads, prepare_uploads

CANDIDATES = "candidates"  # the folder, beside the versions, of those that are worse than the default


@dataclass(frozen=True)
class Run:
    """The options of the command."""

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
        TrainingError: DataError, ExportError; Interrupted, by Ctrl-C; NotBetter, if the default version is better.

    """
    recipe = replace(RECIPES[run.recipe], **run.overrides)
    if recipe.augmented:
        use_a_thread_for_each_half()
    digits, held_out = dataset.split(recipe.held_out)
    loaded_finder = finder.load(run.models)
    extra = _load_extra(run, loaded_finder)
    card = _describe(run, recipe, dataset, extra, loaded_finder)
    folder = run.models / store.NAME
    with export.staging(folder) as version:  # before the fit: it fails at once if the folder can't be written
        checkpoint = folder / f".fit-{model_card.compute_digest(card)}.npz"
        model, card["history"], card["seconds"] = _fit(run, recipe, digits, held_out, extra, checkpoint)
        card["libraries"] = model_card.list_libraries()
        model, temperature = _calibrate(model, held_out)
        export.write_version(model, version, to_vectors(dataset.x_test))
        uploads = make_uploads(dataset, run.evaluate_on, run.models)
        if temperature:
            card["calibration"] = {"temperature": temperature, "threshold": _find_threshold(version, held_out, uploads)}
        evaluation = evaluate_version(version, card, dataset, uploads)
        regressions = [] if run.force else _find_regressions(folder, evaluation, dataset, uploads)
        _put_in_place(version, folder, evaluation, regressions)
        checkpoint.unlink(missing_ok=True)


def evaluate_version(
    version: Path, card: model_card.CardFields, dataset: Dataset, uploads: PreparedUploads
) -> Evaluation:
    """Evaluate a version, and write its report and its card, with the metrics added."""
    evaluation = evaluate(loading.load_runtime(version, "tensorflow"), dataset, uploads)
    card = {**card, "metrics": evaluation.metrics()}
    version_report.write(version, card, evaluation)
    model_card.write(version, card)
    return evaluation


def make_uploads(dataset: Dataset, count: int, models_folder: Path) -> PreparedUploads:
    """Make the uploads that versions in a folder are evaluated on, of the training images that recipes hold out."""
    return prepare_uploads(dataset.train[-HELD_OUT:], count, EVALUATION_SEED, models_folder)


def _load_extra(run: Run, loaded_finder: Finder) -> Digits | None:
    if run.extra is None:
        return None
    digits, unreadable = user_digits.load(run.extra, loaded_finder)
    for sentence in unreadable:
        click.echo(f"Left out: {sentence}", err=True)
    click.echo(f"{len(digits)} images in {run.extra} are mixed in, each {run.extra_weight} times an epoch.")
    return digits


def _describe(
    run: Run, recipe: Recipe, dataset: Dataset, extra: Digits | None, loaded_finder: Finder
) -> model_card.CardFields:
    """Return the part of the card that decides the weights: equal descriptions give equal weights."""
    card = {
        "recipe": run.recipe,
        "settings": {key: value for key, value in asdict(recipe).items() if key != "build"},
        "seed": run.seed,
        "data": dataset.checksums(),
        "finder": loaded_finder.checksum,
    }
    return card if extra is None else {**card, "extra": {"weight": run.extra_weight, **extra.checksums()}}


def _fit(
    run: Run, recipe: Recipe, digits: Digits, held_out: Digits, extra: Digits | None, checkpoint: Path
) -> tuple[keras.Model, History, float]:
    start = time.monotonic()
    if not run.resume:
        checkpoint.unlink(missing_ok=True)
    elif not checkpoint.exists():
        click.echo("There is nothing to resume with these settings, seed and data. The fit starts anew.")
    logs = [keras.callbacks.TensorBoard(run.tensorboard)] if run.tensorboard else []
    click.echo(f"Fitting {run.recipe} on {describe_devices()}.")
    try:
        training_digits = _collect_digits(run, recipe, digits, extra)
        return *fit(recipe, training_digits, run.seed, held_out, checkpoint, logs), time.monotonic() - start
    except KeyboardInterrupt:
        sentence = "Interrupted. With --resume, the same command goes on from the last finished epoch."
        raise Interrupted(sentence) from None
    finally:
        click.echo()  # ends the line of the progress bar


def _collect_digits(run: Run, recipe: Recipe, digits: Digits, extra: Digits | None) -> Digits:
    """Return the digits that a network is fitted to, with uploads, scenes, letterforms and the user's digits."""
    collected = digits.repeat(recipe.repeats)
    if recipe.uploads:
        prepared = prepare_uploads(digits, recipe.uploads, run.seed, run.models).digits
        collected += prepared[np.flatnonzero(prepared.images.any(axis=(1, 2)))]  # without those where nothing is found
    if recipe.scenes or recipe.hands or recipe.numbers:
        empty_scenes = recipe.scenes // 2 if recipe.outliers else 0  # for the eleventh answer
        counts = scene_digits.SceneCounts(recipe.scenes, recipe.hands, recipe.numbers, empty_scenes)
        collected += scene_digits.find_digits(digits, counts, run.seed, run.models)
    return collected if extra is None else collected + extra.repeat(run.extra_weight)


def _calibrate(model: keras.Model, held_out: Digits) -> tuple[keras.Model, float | None]:
    if not held_out:
        return calibration.build_calibrated(model, temperature=1), None
    probabilities = model.predict(to_vectors(held_out.images), verbose=0)
    temperature = calibration.find_temperature(probabilities, held_out.labels)
    return calibration.build_calibrated(model, temperature), temperature


def _find_threshold(version: Path, held_out: Digits, uploads: PreparedUploads) -> float:
    runtime = LiteRT(version)
    confidences = [predict_digits(runtime, digits).confidences for digits in (held_out, uploads.digits)]
    return calibration.find_threshold(np.concatenate(confidences))


def _find_regressions(folder: Path, evaluation: Evaluation, dataset: Dataset, uploads: PreparedUploads) -> list[str]:
    """Compare a version with the default version of a folder, if there is one that can be read."""
    present = store.find_versions(folder)
    if not present:
        return []
    number = max(present)
    try:
        number = store.read_policy(folder).order(present)[0]
        runtime = loading.load_runtime(present[number])
    except ModelError as error:
        click.echo(f"Not compared with version {number}: {error}", err=True)
        return []
    return promotion.find_regressions(evaluation, evaluate(runtime, dataset, uploads))


def _put_in_place(version: Path, folder: Path, evaluation: Evaluation, regressions: list[str]) -> None:
    if regressions:
        candidate = export.publish(version, folder / CANDIDATES)
        raise NotBetter(
            f"The default version in {folder} is better: {'; '.join(regressions)}."
            f" The new one stays a candidate, in {candidate}. The same command with --resume --force puts it in place."
        )
    target = export.publish(version, folder)
    metrics = evaluation.metrics()
    click.echo(
        f"Version {target.name} is in {target}: test accuracy {metrics['test_accuracy']:.4f},"
        f" uploads {metrics['uploads_accuracy']:.4f}."
    )
