"""The command line: `python -m training`.

TensorFlow takes seconds to import, so modules that need it are imported where they are used.
"""

import os
import signal
import sys
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from service.errors import ModelError, ServiceError
from service.models.store import NAME, REPORT, find_versions
from service.settings import DEFAULT_MODELS, Settings
from training.data import datasets
from training.data.datasets import HELD_OUT
from training.data.sources import FORMS
from training.errors import TrainingError
from training.settings import FinderSettings, FitSettings, add_options, pop_overrides

if TYPE_CHECKING:
    from training.synthetic.empties import AnswerCounts
    from training.synthetic.number_evaluation import NumberCounts

SOURCE = click.option(
    "--data", "source", metavar="SOURCE",
    help=f"{FORMS[0].upper()}{FORMS[1:]}. [default: the MNIST of this package]",
)  # fmt: skip
MODELS = click.option("--models", type=click.Path(path_type=Path), default="models", show_default=True,
    envvar="MNIST_MODELS", help="Folder of models; versions are in its folder mnist. [MNIST_MODELS]",
)  # fmt: skip
EVALUATE_ON = click.option("--evaluate-on", type=click.IntRange(1, HELD_OUT), default=50, show_default=True,
    help="Uploads of each condition to evaluate on.",
)  # fmt: skip
SLIPS = "slips"  # the name of all likely slips, for --remove
SEED = click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
    help="Seed of the weights and of all random choices.",
)  # fmt: skip
RESUME = click.option("--resume", is_flag=True, help="Continue the same command where it was interrupted.")


@click.group(invoke_without_command=True)
@click.option("--recipe", type=click.Choice(["convnet", "dense"]), default="convnet", show_default=True,
              help="The network.")  # fmt: skip
@MODELS
@SOURCE
@click.option("--extra", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Images to mix in, in folders 0 to 9, and none for no digit.")  # fmt: skip
@click.option("--extra-weight", type=click.IntRange(1, 1000),
              help="Times that each is in an epoch.  [default: 10; with --from 1 to 30, by their number]")  # fmt: skip
@click.option("--from", "start", metavar="VERSION",
              help="Go on from the weights of this version, a number or a folder, for a few epochs.")  # fmt: skip
@SEED
@add_options(FitSettings)
@EVALUATE_ON
@RESUME
@click.option("--force", is_flag=True, help="Put the version in place even if it is worse than the default version.")
@click.option("--tensorboard", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Write logs for TensorBoard.")  # fmt: skip
@click.pass_context
def main(context: click.Context, /, source: str | None, **options: Any) -> None:
    """Fit a network on MNIST and put it in place as the next version of the model.

    The version is calibrated and evaluated, with a report. If it is worse than the default version, it stays a
    candidate, and the exit code is 3.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
    else:
        dataset = datasets.load(source)
        from training.train import Run, train

        overrides = pop_overrides(FitSettings, options)
        train(Run(overrides=overrides, **options), dataset)


def _refuse_options(context: click.Context) -> None:
    """Refuse options before a command: they belong to the fit, and the command would ignore them.

    Raises:
        click.UsageError: there is an option before the command.

    """
    for option in context.command.params:
        if option.name and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{option.opts[0]} stands before {context.invoked_subcommand}: write it after the command."
            )


@main.command("evaluate")
@click.argument("version")
@MODELS
@SOURCE
@EVALUATE_ON
def evaluate(version: str, models: Path, source: str | None, evaluate_on: int) -> None:
    """Evaluate VERSION, a number or a folder, and write its report, assets.extra/report/index.html in it."""
    from training import model_card

    folder = _find_version(version, models)
    card = model_card.read(folder)
    dataset = datasets.load(source)
    from training.train import evaluate_version, make_uploads

    metrics = evaluate_version(folder, card, dataset, make_uploads(dataset, evaluate_on, models)).metrics()
    for name, value in metrics.items():
        click.echo(f"{name:33} {value:.5g}")
    click.echo(f"The report is {folder / REPORT}.")


def _find_version(version: str, models: Path) -> Path:
    """Return the folder of a version, by its number or its path.

    Raises:
        ModelError: there is none.

    """
    folder = Path(version)
    if version.isdecimal():
        folder = find_versions(models / NAME).get(int(version), models / NAME / version)
    if not (folder / "saved_model.pb").exists():
        raise ModelError(f"There is no version in {folder}.")
    return folder


@main.command("finder")
@MODELS
@SOURCE
@SEED
@add_options(FinderSettings)
@EVALUATE_ON
@RESUME
@click.option("--force", is_flag=True, help="Put the finder in place even if it is worse than the present finder.")
def fit_finder(source: str | None, **options: Any) -> None:
    """Fit the network that finds digits in images, and put it in place in the folder finder of the models.

    The finder is evaluated, with a report. If it is worse than the present finder, it stays a candidate, and the exit
    code is 3.
    """
    dataset = datasets.load(source)
    from training.finder import train

    overrides = pop_overrides(FinderSettings, options)
    train.fit_finder(train.FinderRun(overrides=overrides, **options), dataset)


@main.command("data")
@SOURCE
@click.option("--samples", type=click.Path(path_type=Path, dir_okay=False), default="samples.png",
              show_default=True, help="Image file to draw samples to.")  # fmt: skip
def show_data(source: str | None, samples: Path) -> None:
    """Print rank, shape and dtype of each array, and draw a sheet of samples."""
    dataset = datasets.load(source)
    click.echo(datasets.describe(dataset))
    datasets.draw_samples(dataset, samples)
    click.echo(f"Samples of each digit are in {samples}.")


@main.command("uploads")
@click.option("--models", type=click.Path(path_type=Path), default=DEFAULT_MODELS, envvar="MNIST_MODELS",
              help="Folder of models: its default version reads.  [default: that of the service]")  # fmt: skip
@SOURCE
@click.option("--images", type=click.IntRange(1, HELD_OUT), default=100, show_default=True,
              help="Uploads of each condition, of the training images that convnet holds out.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
              help="Seed of light, paper, pens, places and noise.")  # fmt: skip
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False),
              help="Image file to draw to: three uploads of each condition, the ink found, the result.")  # fmt: skip
def read_uploads(models: Path, source: str | None, images: int, seed: int, sheet: Path | None) -> None:
    """Print how many images, as people upload them, are read right."""
    dataset = datasets.load(source)
    from service.models.loading import load_default
    from training.synthetic import contact_sheet, empties, number_evaluation, prepare
    from training.synthetic.conditions import draw_uploads

    held_out = dataset.train[-HELD_OUT:]
    if sheet:
        contact_sheet.draw_contact_sheet(draw_uploads(held_out, min(images, 3), seed), models, sheet)
        click.echo(f"Uploads, the ink found and the result are in {sheet}.")
    uploads = prepare.prepare_uploads(held_out, images, seed, models)
    model = load_default(Settings(models=models))
    _print_accuracies(list(prepare.measure_accuracies(uploads, model)))
    _print_empties(empties.evaluate(model, models, images, seed))
    _print_numbers(number_evaluation.evaluate(held_out, models, images, seed))


@main.command("feedback")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@MODELS
@SOURCE
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False),
              help="HTML file to write: each image, the answer and the correction, likely slips first.")  # fmt: skip
@click.option("--remove", "names", metavar="NAME", multiple=True,
              help=f"Remove a correction, by its path in FOLDER; or all of the likely slips, by the name {SLIPS}.",
)  # fmt: skip
def list_corrections(
    folder: Path, models: Path, source: str | None, sheet: Path | None, names: tuple[str, ...]
) -> None:
    """List the corrections that a service took in FOLDER, its MNIST_FEEDBACK: how many, and which are likely slips.

    A correction is a likely slip of the pen where the model was sure of its answer, and the image looks more like
    those that show this answer than like those that show the correction.
    """
    from service.preparation import finder
    from training.feedback import corrections, slips
    from training.feedback import sheet as sheets

    stored = corrections.load(folder)
    click.echo(_format_table(list(corrections.count(stored))))
    likely = slips.find(folder, stored, finder.load(models), datasets.load(source).train)
    for correction in likely:
        click.echo(f"A slip? {correction}")
    if sheet:
        sheets.write(sheet, folder, stored, likely)
        click.echo(f"The images are in {sheet}.")
    chosen = corrections.choose([name for name in names if name != SLIPS], stored)
    removed = {*chosen, *(likely if SLIPS in names else ())}
    corrections.remove(folder, removed)
    if names:
        click.echo(f"{len(removed)} corrections are removed.")


def _format_table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.rjust, row, widths)) for row in rows)


def _print_accuracies(rows: list[tuple[str, float, float]]) -> None:
    """Print the accuracy on the uploads of each condition, resized and prepared, and the means."""
    _, *columns = zip(*rows, strict=True)
    resized_mean, prepared_mean = (sum(column) / len(rows) for column in columns)
    click.echo(f"| {'condition':27} | resized | prepared |\n|-{'-' * 27}-|--------:|---------:|")
    for condition, resized, prepared in [*rows, ("mean", resized_mean, prepared_mean)]:
        click.echo(f"| {condition:27} | {resized:7.1%} | {prepared:8.1%} |")


def _print_empties(rows: "list[AnswerCounts]") -> None:
    """Print how many images without a digit are answered with a digit."""
    click.echo(
        f"\n| {'without a digit':29} | images | any digit | certain digit |\n"
        f"|-{'-' * 29}-|-------:|----------:|--------------:|"
    )
    for row in rows:
        click.echo(f"| {row.kind:29} | {row.images:6} | {row.any_digit:9} | {row.certain_digit:13} |")


def _print_numbers(conditions: "dict[str, NumberCounts]") -> None:
    """Print how the numbers of each condition are read, and all numbers."""
    click.echo(
        f"\n| {'numbers':24} | whole | digits | right | wrong | missed | invented |\n"
        f"|-{'-' * 24}-|------:|-------:|------:|------:|-------:|---------:|"
    )
    for condition, counts in {**conditions, "all": reduce(add, conditions.values())}.items():
        click.echo(
            f"| {condition:24} | {counts.whole / counts.numbers:5.1%} | {counts.digits:6} |"
            f" {counts.right / counts.digits:5.1%} | {counts.wrong:5} | {counts.missed:6} | {counts.invented:8} |"
        )


def run() -> None:
    """Run the command line. An error becomes one sentence and an exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # docker stop interrupts as Ctrl-C does
    try:
        main(prog_name="python -m training")
    except TrainingError as error:
        click.echo(f"Error: {error}", err=True)
        sys.stdout.flush()
        os._exit(error.exit_code)  # at once: TensorFlow would log errors of its generator of batches while Python ends
    except (ServiceError, OSError) as error:
        click.echo(f"Error: {str(error).rstrip('.')}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
