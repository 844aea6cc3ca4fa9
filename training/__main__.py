"""The command line: `python -m training`.

TensorFlow takes seconds to import, so what needs it is imported where it is used.
"""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from service.errors import ModelError
from service.settings import DEFAULT_MODELS, Settings
from training import data
from training.errors import TrainingError

SOURCE = click.option(
    "--data", "source", metavar="SOURCE",
    help="An .npz file, a folder of the four IDX files, or keras. [default: the MNIST of this package]",
)  # fmt: skip


@click.group(invoke_without_command=True)
@click.option("--recipe", type=click.Choice(["dense", "convnet"]), default="dense", show_default=True,
              help="The network.")  # fmt: skip
@click.option("--models", type=click.Path(path_type=Path), default="models", show_default=True, envvar="MNIST_MODELS",
              help="Folder of models: the next version is written to its folder mnist. [MNIST_MODELS]")  # fmt: skip
@SOURCE
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
              help="Of the weights and the order of the images.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="[default: the recipe's]")
@click.option("--batch-size", type=click.IntRange(1), help="[default: the recipe's]")
@click.option("--optimizer", type=click.Choice(["sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw"]),
              help="[default: the recipe's]")  # fmt: skip
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="[default: the optimizer's]")
@click.pass_context
def main(context: click.Context, /, recipe: str, models: Path, source: str | None, seed: int, **overrides: Any) -> None:
    """Fit a network on MNIST and export it as the next version of the model."""
    if context.invoked_subcommand is None:
        train(recipe, models, source, seed, overrides)


def train(name: str, models: Path, source: str | None, seed: int, overrides: dict[str, Any]) -> None:
    """Fit the recipe, with the settings that override its own, and export the result."""
    dataset = data.load(source)
    from training.export import export
    from training.fit import fit
    from training.recipes import RECIPES

    recipe = replace(RECIPES[name], **{key: value for key, value in overrides.items() if value is not None})
    settings = {key: value for key, value in asdict(recipe).items() if key != "build"}
    model, history = fit(recipe, dataset, seed)
    card = {
        "recipe": name,
        "settings": settings,
        "seed": seed,
        "data": dataset.checksums(),
        "history": history,
    }
    version, metrics = export(model, models, dataset, card)
    click.echo(f"Version {version.name} is in {version}: test accuracy {metrics['test_accuracy']:.4f}.")


@main.command("data")
@SOURCE
@click.option("--samples", type=click.Path(path_type=Path, dir_okay=False), default="samples.png",
              show_default=True, help="Picture file to draw samples to.")  # fmt: skip
def show_data(source: str | None, samples: Path) -> None:
    """Print rank, shape and dtype of each array, and draw a sheet of samples."""
    dataset = data.load(source)
    click.echo(data.describe(dataset))
    data.draw_samples(dataset, samples)
    click.echo(f"Samples of each digit are in {samples}.")


@main.command("uploads")
@click.option("--models", type=click.Path(path_type=Path), default=DEFAULT_MODELS, envvar="MNIST_MODELS",
              help="Folder of models: its highest version reads.  [default: that of the service]")  # fmt: skip
@SOURCE
@click.option("--images", type=click.IntRange(1, 10_000), default=100, show_default=True,
              help="Uploads of each condition, of the training images that convnet holds out.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
              help="Of light, paper, pens, places and noise.")  # fmt: skip
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False),
              help="Picture file to draw to: three uploads of each condition, the ink found, the result.")  # fmt: skip
def read_uploads(models: Path, source: str | None, images: int, seed: int, sheet: Path | None) -> None:
    """Print how many pictures, as people upload them, are read right."""
    dataset = data.load(source)
    from service.models import load
    from training import preparation
    from training.recipes import HELD_OUT
    from training.uploads import make

    held_out = dataset.x_train[-HELD_OUT:], dataset.y_train[-HELD_OUT:]
    images = min(images, len(held_out[0]))
    if sheet:
        preparation.draw_sheet(make(*held_out, min(images, 3), seed), sheet)
        click.echo(f"Uploads, the ink found and the result are in {sheet}.")
    rows = list(preparation.accuracies(make(*held_out, images, seed), load(Settings(models=models))))
    rows.append(("mean", *(sum(column) / len(rows) for column in list(zip(*rows, strict=True))[1:])))
    click.echo(f"| {'condition':27} | resized | prepared |\n|-{'-' * 27}-|--------:|---------:|")
    for condition, resized, prepared in rows:
        click.echo(f"| {condition:27} | {resized:7.1%} | {prepared:8.1%} |")


def run() -> None:
    """Run the command line; what goes wrong becomes one sentence and an exit code."""
    try:
        main(prog_name="python -m training")
    except TrainingError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except (ModelError, OSError) as error:
        click.echo(f"Error: {error}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
