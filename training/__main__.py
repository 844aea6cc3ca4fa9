"""The command line: `python -m training`.

TensorFlow takes seconds to import, so what needs it is imported where it is used.
"""

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from service.errors import ModelError, ServiceError
from service.models.store import NAME, REPORT, find
from service.settings import DEFAULT_MODELS, Settings
from training.data import datasets
from training.data.datasets import HELD_OUT
from training.data.sources import FORMS
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.synthetic.number_evaluation import Counts

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
SEED = click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
    help="Of the weights and of all that is random.",
)  # fmt: skip
RESUME = click.option("--resume", is_flag=True, help="Go on with the same command where it was interrupted.")


@click.group(invoke_without_command=True)
@click.option("--recipe", type=click.Choice(["convnet", "dense"]), default="convnet", show_default=True,
              help="The network.")  # fmt: skip
@MODELS
@SOURCE
@click.option("--extra", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Pictures of digits to mix in, in folders 0 to 9.")  # fmt: skip
@click.option("--extra-weight", type=click.IntRange(1, 1000), default=10, show_default=True,
              help="How often each of them is shown in an epoch.")  # fmt: skip
@SEED
@click.option("--epochs", type=click.IntRange(1), help="[default: the recipe's]")
@click.option("--batch-size", type=click.IntRange(1), help="[default: the recipe's]")
@click.option("--optimizer", type=click.Choice(["sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw"]),
              help="[default: the recipe's]")  # fmt: skip
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="[default: the optimizer's]")
@click.option("--held-out", type=click.IntRange(0),
              help="Training images kept for calibration. [default: the recipe's]")  # fmt: skip
@click.option("--uploads", type=click.IntRange(0, HELD_OUT),
              help="Uploads of each condition to fit to beside the images. [default: the recipe's]")  # fmt: skip
@click.option("--hands", type=click.IntRange(0),
              help="Letterforms of hands that MNIST lacks, to fit to beside the images. [default: the recipe's]",
)  # fmt: skip
@click.option("--scenes", type=click.IntRange(0, 50_000),
              help="Of the images, drawn in scenes and found there, to fit to beside them. [default: the recipe's]",
)  # fmt: skip
@click.option("--repeats", type=click.IntRange(1),
              help="Times that each of MNIST's images is in an epoch. [default: the recipe's]")  # fmt: skip
@click.option("--numbers", type=click.IntRange(0),
              help="Scenes of several digits, to fit to what is found there, too. [default: the recipe's]")  # fmt: skip
@click.option("--outliers", type=click.IntRange(0, 1000),
              help="Pictures that are no digits in each batch. [default: the recipe's]")  # fmt: skip
@click.option("--rho", type=click.FloatRange(0, 1),
              help="Radius of sharpness-aware minimization; 0: none, and less time. [default: the recipe's]",
)  # fmt: skip
@EVALUATE_ON
@RESUME
@click.option("--force", is_flag=True, help="Put the version in place even if it is worse than the highest there.")
@click.option("--tensorboard", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Write logs for TensorBoard.")  # fmt: skip
@click.pass_context
def main(
    context: click.Context, /, source: str | None, epochs: int | None, batch_size: int | None, optimizer: str | None,
    learning_rate: float | None, held_out: int | None, uploads: int | None, hands: int | None, scenes: int | None,
    numbers: int | None, repeats: int | None, outliers: int | None, rho: float | None, **options: Any,
) -> None:  # fmt: skip
    """Fit a network on MNIST and put it in place as the next version of the model.

    It is calibrated and evaluated, with a report. One that is worse than the highest version there stays a candidate;
    the exit code is 3 then.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
    else:
        dataset = datasets.load(source)
        from training.train import Run, train

        overrides = {
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "held_out": held_out,
            "uploads": uploads,
            "hands": hands,
            "scenes": scenes,
            "numbers": numbers,
            "repeats": repeats,
            "outliers": outliers,
            "rho": rho,
        }
        given = {name: value for name, value in overrides.items() if value is not None}
        train(Run(overrides=given, **options), dataset)


def _refuse_options(context: click.Context) -> None:
    """Refuse options before a command, which are of the fit: the command would go on without them.

    Raises:
        click.UsageError: there are some.

    """
    for option in context.command.params:
        if option.name and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} stands before {context.invoked_subcommand}: write it behind.")


@main.command("evaluate")
@click.argument("version")
@MODELS
@SOURCE
@EVALUATE_ON
def evaluate(version: str, models: Path, source: str | None, evaluate_on: int) -> None:
    """Evaluate VERSION, a number or a folder, and write its report, assets.extra/report/index.html in it."""
    dataset = datasets.load(source)
    from training import model_card
    from training.train import assess, make_uploads

    folder = find(models / NAME).get(int(version), models / NAME / version) if version.isdecimal() else Path(version)
    if not (folder / "saved_model.pb").exists():
        raise ModelError(f"There is no version in {folder}.")
    card = model_card.read(folder)
    metrics = assess(folder, card, dataset, make_uploads(dataset, evaluate_on, models)).metrics()
    for name, value in metrics.items():
        click.echo(f"{name:33} {value:.5g}")
    click.echo(f"The report is {folder / REPORT}.")


@main.command("finder")
@MODELS
@SOURCE
@SEED
@click.option("--scenes", type=click.IntRange(1), help="Scenes to fit to. [default: the recipe's]")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the scenes. [default: the recipe's]")
@click.option("--batch-size", type=click.IntRange(2), help="[default: the recipe's]")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True),
              help="The highest. [default: the recipe's]")  # fmt: skip
@click.option("--hands", type=click.FloatRange(0, 1),
              help="Part of the digits that are letterforms, of hands that MNIST lacks; 0: none."
                   " [default: the recipe's]")  # fmt: skip
@click.option("--width", type=click.FloatRange(0.2, 8), help="Times the network's channels. [default: the recipe's]")
@EVALUATE_ON
@RESUME
@click.option("--force", is_flag=True, help="Put the finder in place even if it is worse than the one there.")
def fit_finder(
    models: Path, source: str | None, seed: int, evaluate_on: int, resume: bool, force: bool, **overrides: Any
) -> None:
    """Fit the network that finds digits in images, and put it in place in the folder finder of the models.

    It is evaluated, with a report. One that is worse than the finder there stays a candidate; the exit code is 3 then.
    """
    dataset = datasets.load(source)
    from training.finder import train

    settings = {name: value for name, value in overrides.items() if value is not None}
    train.fit_finder(train.Run(settings, seed, models, evaluate_on, resume, force), dataset)


@main.command("data")
@SOURCE
@click.option("--samples", type=click.Path(path_type=Path, dir_okay=False), default="samples.png",
              show_default=True, help="Picture file to draw samples to.")  # fmt: skip
def show_data(source: str | None, samples: Path) -> None:
    """Print rank, shape and dtype of each array, and draw a sheet of samples."""
    dataset = datasets.load(source)
    click.echo(datasets.describe(dataset))
    datasets.draw_samples(dataset, samples)
    click.echo(f"Samples of each digit are in {samples}.")


@main.command("uploads")
@click.option("--models", type=click.Path(path_type=Path), default=DEFAULT_MODELS, envvar="MNIST_MODELS",
              help="Folder of models: its highest version reads.  [default: that of the service]")  # fmt: skip
@SOURCE
@click.option("--images", type=click.IntRange(1, HELD_OUT), default=100, show_default=True,
              help="Uploads of each condition, of the training images that convnet holds out.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
              help="Of light, paper, pens, places and noise.")  # fmt: skip
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False),
              help="Picture file to draw to: three uploads of each condition, the ink found, the result.")  # fmt: skip
def read_uploads(models: Path, source: str | None, images: int, seed: int, sheet: Path | None) -> None:
    """Print how many pictures, as people upload them, are read right."""
    dataset = datasets.load(source)
    from service.models.loading import load_default
    from training.synthetic import empties, number_evaluation, prepare
    from training.synthetic.conditions import make

    held_out = dataset.train[-HELD_OUT:]
    if sheet:
        prepare.draw_sheet(make(held_out, min(images, 3), seed), models, sheet)
        click.echo(f"Uploads, the ink found and the result are in {sheet}.")
    uploads = prepare.prepare(held_out, images, seed, models)
    model = load_default(Settings(models=models))
    rows = list(prepare.accuracies(uploads, model))
    rows.append(("mean", *(sum(column) / len(rows) for column in list(zip(*rows, strict=True))[1:])))
    click.echo(f"| {'condition':27} | resized | prepared |\n|-{'-' * 27}-|--------:|---------:|")
    for condition, resized, prepared in rows:
        click.echo(f"| {condition:27} | {resized:7.1%} | {prepared:8.1%} |")
    click.echo(
        f"\n| {'without a digit':29} | images | any digit | certain digit |\n"
        f"|-{'-' * 29}-|-------:|----------:|--------------:|"
    )
    for row in empties.evaluate(model, models, images, seed):
        click.echo(f"| {row.kind:29} | {row.images:6} | {row.any_digit:9} | {row.certain_digit:13} |")
    _print_numbers(number_evaluation.evaluate(held_out, models, images, seed))


def _print_numbers(conditions: "dict[str, Counts]") -> None:
    click.echo(
        f"\n| {'numbers':24} | whole | digits | right | wrong | missed | invented |\n"
        f"|-{'-' * 24}-|------:|-------:|------:|------:|-------:|---------:|"
    )
    from training.synthetic.number_evaluation import Counts

    for condition, counts in {**conditions, "all": sum(conditions.values(), Counts())}.items():
        click.echo(
            f"| {condition:24} | {counts.whole / counts.numbers:5.1%} | {counts.digits:6} |"
            f" {counts.right / counts.digits:5.1%} | {counts.wrong:5} | {counts.missed:6} | {counts.invented:8} |"
        )


def run() -> None:
    """Run the command line; what goes wrong becomes one sentence and an exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's errors, not its remarks
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # docker stop is as good as Ctrl-C
    try:
        main(prog_name="python -m training")
    except TrainingError as error:
        click.echo(f"Error: {error}", err=True)
        sys.stdout.flush()
        os._exit(error.exit_code)  # at once: TensorFlow would complain that batches have no Python any more
    except (ServiceError, OSError) as error:
        click.echo(f"Error: {str(error).rstrip('.')}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
