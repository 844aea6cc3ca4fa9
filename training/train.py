"""A whole run: from the data to a version in place, or to a candidate that is worse than the default version."""

import time
from dataclasses import asdict, dataclass, replace
from functools import partial
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
from training.data.batches import NO_DIGIT
from training.data.datasets import HELD_OUT, Dataset, Digits
from training.errors import DataError, Interrupted, NotBetter
from training.evaluate import EVALUATION_SEED, Evaluation, evaluate, predict_digits
from training.fit import History, describe_devices, fit
from training.model import start as starts
from training.model.recipes import RECIPES, Recipe
from training.model.split_batch import use_a_thread_for_each_half
from training.model.start import Start
from training.report import version_report
from training.synthetic import scene_digits
from training.synthetic.prepare import PreparedUploads, prepare_uploads

EXTRA_WEIGHT = 10  # times that each of the user's images is in an epoch
# The same in a fit that goes on from a version: as often as makes 1,500 images, at most 30 times. Fitted to 24 images
# of a hand, each 30 times an epoch, a version reads 98.5% of the hand; each 10 times, 97.0%. Fitted to 150 images, each
# 30 times an epoch, a version loses 0.08 points on MNIST; each 10 times, 0.01 to 0.03.
MAX_WEIGHT = 30
IMAGES_PER_EPOCH = 1_500
CANDIDATES = "candidates"  # the folder, beside the versions, of versions that are worse than the default version


@dataclass(frozen=True)
class Run:
    """The options of the command."""

    recipe: str
    overrides: dict[str, Any]
    extra: Path | None
    extra_weight: int | None
    start: str | None  # the version to go on from
    seed: int
    models: Path
    evaluate_on: int
    resume: bool
    force: bool
    tensorboard: Path | None


@dataclass(frozen=True)
class Extra:
    """The user's images to fit to, how often each is in an epoch, and those that are held out."""

    digits: Digits
    weight: int
    held_out: Digits | None = None


def train(run: Run, dataset: Dataset) -> None:
    """Fit a recipe's network and put it in place as the next version.

    Raises:
        TrainingError: DataError, StartError or ExportError; Interrupted, by Ctrl-C; NotBetter, if the default version
            is better.

    """
    if RECIPES[run.recipe].augmented:
        use_a_thread_for_each_half()
    start = starts.read(run.start, run.models, run.recipe) if run.start is not None else None
    recipe = _choose_recipe(run, start)
    digits, held_out = dataset.split(recipe.held_out)
    loaded_finder = finder.load(run.models)
    extra = _load_extra(run, recipe, loaded_finder)
    card = _describe(run, recipe, dataset, extra, loaded_finder, start)
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
        held_out_extra = extra.held_out if extra else None
        evaluation = evaluate_version(version, card, dataset, uploads, held_out_extra)
        rival = None if run.force else _find_rival(folder, start)
        regressions = _find_regressions(rival, evaluation, dataset, uploads, held_out_extra) if rival else []
        _put_in_place(version, folder, evaluation, regressions, start)
        checkpoint.unlink(missing_ok=True)


def evaluate_version(
    version: Path,
    card: model_card.CardFields,
    dataset: Dataset,
    uploads: PreparedUploads,
    extra: Digits | None = None,
) -> Evaluation:
    """Evaluate a version, and write its report and its card, with the metrics added."""
    threshold = card.get("calibration", {}).get("threshold", 0)
    evaluation = evaluate(loading.load_runtime(version, "tensorflow"), dataset, uploads, extra, threshold)
    card = {**card, "metrics": evaluation.metrics()}
    version_report.write(version, card, evaluation)
    model_card.write(version, card)
    return evaluation


def make_uploads(dataset: Dataset, count: int, models_folder: Path) -> PreparedUploads:
    """Make the uploads that versions in a folder are evaluated on, of the training images that recipes hold out."""
    return prepare_uploads(dataset.train[-HELD_OUT:], count, EVALUATION_SEED, models_folder)


def _choose_recipe(run: Run, start: Start | None) -> Recipe:
    recipe = RECIPES[run.recipe]
    if start:
        recipe = replace(recipe.shorten(), build=partial(start.build, recipe.build))
    return replace(recipe, **run.overrides)


def _load_extra(run: Run, recipe: Recipe, loaded_finder: Finder) -> Extra | None:
    if run.extra is None:
        return None
    digits, unreadable = user_digits.load(run.extra, loaded_finder)
    for sentence in unreadable:
        click.echo(f"Left out: {sentence}", err=True)
    if not recipe.outliers and (empty := np.count_nonzero(digits.labels == NO_DIGIT)):
        click.echo(f"Left out: {empty} images without a digit, which {run.recipe} has no answer for.", err=True)
        digits = digits[digits.labels != NO_DIGIT]
    extra = _hold_out(run, digits) if run.start else Extra(digits, run.extra_weight or EXTRA_WEIGHT)
    rest = f" {len(extra.held_out)} others are held out." if extra.held_out else ""
    click.echo(f"{len(extra.digits)} images in {run.extra} are mixed in, each {extra.weight} times an epoch.{rest}")
    return extra


def _hold_out(run: Run, digits: Digits) -> Extra:
    """Hold images out, and weigh the others by their number, unless an option does."""
    fitted, held_out = user_digits.hold_out(digits)
    if not (fitted and held_out):
        raise DataError(
            f"{run.extra} has {len(fitted)} images to fit to and {len(held_out)} to hold out: collect some more."
        )
    weight = min(MAX_WEIGHT, max(1, IMAGES_PER_EPOCH // len(fitted)))
    return Extra(fitted, run.extra_weight or weight, held_out)


def _describe(
    run: Run, recipe: Recipe, dataset: Dataset, extra: Extra | None, loaded_finder: Finder, start: Start | None
) -> model_card.CardFields:
    """Return the part of the card that decides the weights: equal descriptions give equal weights."""
    card = {
        "recipe": run.recipe,
        "settings": {key: value for key, value in asdict(recipe).items() if key != "build"},
        "seed": run.seed,
        "data": dataset.checksums(),
        "finder": loaded_finder.checksum,
    }
    if start:
        card["from"] = start.describe()
    return card if extra is None else {**card, "extra": {"weight": extra.weight, **extra.digits.checksums()}}


def _fit(
    run: Run, recipe: Recipe, digits: Digits, held_out: Digits, extra: Extra | None, checkpoint: Path
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


def _collect_digits(run: Run, recipe: Recipe, digits: Digits, extra: Extra | None) -> Digits:
    """Return the digits that a network is fitted to, with uploads, scenes, letterforms and the user's digits."""
    collected = digits.repeat(recipe.repeats)
    if recipe.uploads:
        prepared = prepare_uploads(digits, recipe.uploads, run.seed, run.models).digits
        collected += prepared[prepared.images.max(axis=(1, 2)) > 0]  # without those where nothing is found
    if recipe.scenes or recipe.hands or recipe.numbers:
        empty_scenes = recipe.scenes // 2 if recipe.outliers else 0  # for the eleventh answer
        counts = scene_digits.SceneCounts(recipe.scenes, recipe.hands, recipe.numbers, empty_scenes)
        collected += scene_digits.find_digits(digits, counts, run.seed, run.models)
    return collected if extra is None else collected + extra.digits.repeat(extra.weight)


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


def _find_rival(folder: Path, start: Start | None) -> Path | None:
    """Return the default version of a folder; in an empty folder, the version that the fit went on from."""
    present = store.find_versions(folder)
    if not present:
        return start.version if start else None
    try:
        return present[store.read_policy(folder).order(present)[0]]
    except ModelError as error:
        click.echo(f"Not compared with version {max(present)}: {error}", err=True)
        return None


def _find_regressions(
    rival: Path, evaluation: Evaluation, dataset: Dataset, uploads: PreparedUploads, extra: Digits | None
) -> list[str]:
    """Compare a version with its rival, if that can be read."""
    try:
        runtime, threshold = loading.load_runtime(rival), store.read_card(rival).calibration.threshold
    except ModelError as error:
        click.echo(f"Not compared with version {rival.name}: {error}", err=True)
        return []
    return promotion.find_regressions(evaluation, evaluate(runtime, dataset, uploads, extra, threshold))


def _put_in_place(
    version: Path, folder: Path, evaluation: Evaluation, regressions: list[str], start: Start | None
) -> None:
    if regressions:
        candidate = export.publish(version, folder / CANDIDATES)
        raise NotBetter(
            f"The default version in {folder} is better: {'; '.join(regressions)}."
            f" The new one stays a candidate, in {candidate}. The same command with --resume --force puts it in place."
        )
    target = export.publish(version, folder, start.next_number if start else 1)
    metrics = evaluation.metrics()
    click.echo(
        f"Version {target.name} is in {target}: test accuracy {metrics['test_accuracy']:.4f},"
        f" uploads {metrics['uploads_accuracy']:.4f}{_describe_extra(evaluation)}."
    )


def _describe_extra(evaluation: Evaluation) -> str:
    count = len(evaluation.misread)
    return f", {count - evaluation.misread.sum()} of {count} held-out images" if count else ""
