"""A whole run for the finder: from scenes to a finder in place, or to a candidate that is not as good."""

import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
from numpy.typing import NDArray

from service.errors import ModelError
from service.models.loading import Model, check_default, load_default
from service.preparation import finder
from service.settings import Settings
from training import export, model_card, promotion
from training.data.datasets import HELD_OUT, Dataset, Digits
from training.errors import Interrupted, NotBetter
from training.finder import evaluate, litert, report
from training.finder.evaluate import Evaluation
from training.finder.fit import Recipe, fit
from training.fit import History, describe_devices
from training.model.split_batch import use_a_thread_for_each_half
from training.synthetic import scenes
from training.synthetic.glyphs import Source

CANDIDATE = f"{finder.FOLDER}-candidate"  # the folder beside the finder for one that is not as good
COMPARED = 32  # looks that LiteRT and Keras are compared on


@dataclass(frozen=True)
class Run:
    """What the command line asks for."""

    overrides: dict[str, Any]
    seed: int
    models: Path
    evaluate_on: int
    resume: bool
    force: bool


def fit_finder(run: Run, dataset: Dataset) -> None:
    """Fit a finder and put it in place, in the folder `finder` of the models.

    Raises:
        TrainingError: DataError, ExportError; Interrupted, by Ctrl-C; NotBetter, where the finder there is better.
        ModelError: no version of the model can read the digits found.

    """
    recipe = replace(Recipe(), **run.overrides)
    use_a_thread_for_each_half()
    digits, held_out = dataset.split(HELD_OUT)
    check_default(_settings(run))
    card = _describe(run, recipe, dataset)
    with export.staging(run.models, finder.FOLDER) as folder:  # before the fit: one that can't be written stops it
        export.recover(run.models / finder.FOLDER)
        unfinished = run.models / f".finder-{model_card.digest(card)}"
        network, card["history"], card["seconds"] = _fit(run, recipe, Source(digits, recipe.hands), unfinished)
        card["libraries"] = model_card.libraries()
        litert.write(network, folder, _looks(held_out))
        classifier = load_default(_settings(run))
        evaluation = evaluate.evaluate(folder.parent, classifier, held_out, run.evaluate_on)
        _describe_result(folder, {**card, "classifier": classifier.version}, evaluation)
        _put_in_place(folder, run, evaluation, [] if run.force else _compare(run, evaluation, classifier, held_out))
        shutil.rmtree(unfinished)


def _settings(run: Run) -> Settings:
    """Return the settings whose default version reads what is found: the package's while there is no other."""
    return Settings(models=run.models, shipped_first=True)


def _describe(run: Run, recipe: Recipe, dataset: Dataset) -> model_card.Card:
    """Say what decides the weights: the same description, the same weights."""
    return {"recipe": "finder", "settings": asdict(recipe), "seed": run.seed, "data": dataset.checksums()}


def _fit(run: Run, recipe: Recipe, source: Source, folder: Path) -> tuple[keras.Model, History, float]:
    start = time.monotonic()
    if not run.resume:
        shutil.rmtree(folder, ignore_errors=True)
    elif not folder.exists():
        click.echo("There is nothing to resume, of these settings, seed and data: starts with the first scene.")
    click.echo(f"Fits a finder on {describe_devices()}, {recipe.epochs} times to {recipe.parts} parts of the scenes.")
    try:
        return *fit(recipe, source, run.seed, folder), time.monotonic() - start
    except KeyboardInterrupt:
        raise Interrupted("Interrupted. With --resume, the same command goes on from the last finished part.") from None
    finally:
        click.echo()  # ends the line of the progress bar


def _looks(digits: Digits) -> NDArray[np.uint8]:
    rng, source = np.random.default_rng(0), Source(digits, evaluate.HANDS)
    return np.stack([scenes.draw(source, rng).look for _ in range(COMPARED)])


def _describe_result(folder: Path, card: model_card.Card, evaluation: Evaluation) -> None:
    card = {**card, "metrics": evaluation.metrics()}
    report.write(folder, card, evaluation)
    model_card.write(folder, card, Path(finder.CARD))


def _compare(run: Run, evaluation: Evaluation, classifier: Model, held_out: Digits) -> list[str]:
    """Say in what a finder is worse than the one in use; nothing where that can't be read."""
    try:
        present = evaluate.evaluate(run.models, classifier, held_out, run.evaluate_on)
    except ModelError as error:
        click.echo(f"Not compared with the finder in {finder.home(run.models)}: {error}", err=True)
        return []
    if not promotion.is_worse(evaluation.errors, present.errors):
        return []
    was, now = (float(1 - compared.errors.mean()) for compared in (present, evaluation))
    return [f"accuracy on uploads {was:.4f} -> {now:.4f}"]


def _put_in_place(folder: Path, run: Run, evaluation: Evaluation, objections: list[str]) -> None:
    if objections:
        export.replace(folder, run.models / CANDIDATE)
        raise NotBetter(
            f"The finder in {finder.home(run.models)} is better: {'; '.join(objections)}. The new one stays a"
            f" candidate, in {run.models / CANDIDATE}. The same command with --resume --force puts it in place."
        )
    target = run.models / finder.FOLDER
    export.replace(folder, target)
    metrics = evaluation.metrics()
    click.echo(
        f"The finder is in {target}: uploads {metrics['uploads_accuracy']:.4f}, ink {metrics['ink_dice']:.4f}."
        " The service loads it when it starts."
    )
