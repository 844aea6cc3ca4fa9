"""A whole run for the finder: from scenes to a finder in place, or to a candidate that is worse."""

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
from training.finder.evaluate import FinderEvaluation
from training.finder.fit import FinderRecipe, fit
from training.fit import History, describe_devices
from training.model.split_batch import use_a_thread_for_each_half
from training.synthetic import scenes
from training.synthetic.glyphs import GlyphSource

CANDIDATE = f"{finder.FOLDER}-candidate"  # the folder, beside the finder, of a worse finder
COMPARED_LOOKS = 32  # on which LiteRT and Keras are compared


@dataclass(frozen=True)
class FinderRun:
    """The options of the command."""

    overrides: dict[str, Any]
    seed: int
    models: Path
    evaluate_on: int
    resume: bool
    force: bool


def fit_finder(run: FinderRun, dataset: Dataset) -> None:
    """Fit a finder and put it in place, in the folder `finder` of the models.

    Raises:
        TrainingError: DataError, ExportError; Interrupted, by Ctrl-C; NotBetter, if the present finder is better.
        ModelError: there is no version that can read digits.

    """
    recipe = replace(FinderRecipe(), **run.overrides)
    use_a_thread_for_each_half()
    digits, held_out = dataset.split(HELD_OUT)
    check_default(_settings(run))
    card = _describe(run, recipe, dataset)
    with export.staging(run.models, finder.FOLDER) as folder:  # before the fit: it fails at once if unwritable
        export.recover(run.models / finder.FOLDER)
        unfinished = run.models / f".finder-{model_card.compute_digest(card)}"
        network, card["history"], card["seconds"] = _fit(run, recipe, GlyphSource(digits, recipe.hands), unfinished)
        card["libraries"] = model_card.list_libraries()
        litert.write(network, folder, _looks(held_out))
        classifier = load_default(_settings(run))
        evaluation = evaluate.evaluate(folder.parent, classifier, held_out, run.evaluate_on)
        _describe_result(folder, {**card, "classifier": classifier.version}, evaluation)
        regressions = [] if run.force else _find_regressions(run, evaluation, classifier, held_out)
        _put_in_place(folder, run, evaluation, regressions)
        shutil.rmtree(unfinished)


def _settings(run: FinderRun) -> Settings:
    """Return the settings of the version that reads the digits: the package's if the folder has none."""
    return Settings(models=run.models, shipped_first=True)


def _describe(run: FinderRun, recipe: FinderRecipe, dataset: Dataset) -> model_card.CardFields:
    """Return the part of the card that decides the weights: equal descriptions give equal weights."""
    return {"recipe": "finder", "settings": asdict(recipe), "seed": run.seed, "data": dataset.checksums()}


def _fit(run: FinderRun, recipe: FinderRecipe, source: GlyphSource, folder: Path) -> tuple[keras.Model, History, float]:
    start = time.monotonic()
    if not run.resume:
        shutil.rmtree(folder, ignore_errors=True)
    elif not folder.exists():
        click.echo("There is nothing to resume with these settings, seed and data. The fit starts anew.")
    click.echo(
        f"Fitting a finder on {describe_devices()}, {recipe.epochs} times to {recipe.parts} parts of the scenes."
    )
    try:
        return *fit(recipe, source, run.seed, folder), time.monotonic() - start
    except KeyboardInterrupt:
        raise Interrupted("Interrupted. With --resume, the same command goes on from the last finished part.") from None
    finally:
        click.echo()  # ends the line of the progress bar


def _looks(digits: Digits) -> NDArray[np.uint8]:
    rng, source = np.random.default_rng(0), GlyphSource(digits, evaluate.EVALUATION_HANDS)
    return np.stack([scenes.draw(source, rng).look for _ in range(COMPARED_LOOKS)])


def _describe_result(folder: Path, card: model_card.CardFields, evaluation: FinderEvaluation) -> None:
    card = {**card, "metrics": evaluation.metrics()}
    report.write(folder, card, evaluation)
    model_card.write(folder, card, Path(finder.CARD))


def _find_regressions(run: FinderRun, evaluation: FinderEvaluation, classifier: Model, held_out: Digits) -> list[str]:
    """Compare a finder with the present finder, if that can be read."""
    try:
        present = evaluate.evaluate(run.models, classifier, held_out, run.evaluate_on)
    except ModelError as error:
        click.echo(f"Not compared with the finder in {finder.find_folder(run.models)}: {error}", err=True)
        return []
    if not promotion.is_worse(evaluation.errors, present.errors):
        return []
    before, after = (float(1 - result.errors.mean()) for result in (present, evaluation))
    return [f"accuracy on uploads {before:.4f} -> {after:.4f}"]


def _put_in_place(folder: Path, run: FinderRun, evaluation: FinderEvaluation, regressions: list[str]) -> None:
    if regressions:
        export.replace(folder, run.models / CANDIDATE)
        raise NotBetter(
            f"The finder in {finder.find_folder(run.models)} is better: {'; '.join(regressions)}. The new one stays a"
            f" candidate, in {run.models / CANDIDATE}. The same command with --resume --force puts it in place."
        )
    target = run.models / finder.FOLDER
    export.replace(folder, target)
    metrics = evaluation.metrics()
    click.echo(
        f"The finder is in {target}: uploads {metrics['uploads_accuracy']:.4f}, ink {metrics['ink_dice']:.4f}."
        " The service loads it when it starts."
    )
