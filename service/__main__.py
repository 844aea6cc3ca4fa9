"""The command line: `python -m service`, installed as `mnist-service`."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar, get_args

import click
import msgspec

from service import __version__
from service.api import auth, cors, proxies
from service.cli import output
from service.cli.models import models_group
from service.cli.output import cli_errors
from service.errors import ServiceError
from service.feedback import store as corrections
from service.models import loading, models_folder
from service.preparation import finder
from service.server import grpc
from service.settings import Settings, bind_address, read_settings, variable

if TYPE_CHECKING:
    from service.cli.labels import Labels
    from service.cli.scores import ScoredImage
    from service.inference.predictor import Preparation

Item = TypeVar("Item")

MAX_LEFT_OUT_NAMES = 5  # in the message


def _setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting to a command. The options are strings, as environment variables are."""
    for field in reversed(msgspec.structs.fields(Settings)):
        meta = field.type.__metadata__[0]
        if meta.extra:  # a secret: other users can read the command lines of processes
            continue
        description = meta.description
        flag = "--" + field.name.replace("_", "-")
        option = click.option(flag, field.name, metavar="VALUE", help=f"{description} [{variable(field.name)}]")
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@click.version_option(__version__)
@_setting_options
@click.pass_context
def main(context: click.Context, /, **options: str | None) -> None:
    """Serve predictions of handwritten digits over HTTP.

    Each option can also be set as the environment variable in brackets.
    """
    # The worker processes read their settings from the environment.
    os.environ.update({variable(name): value for name, value in options.items() if value is not None})
    if context.invoked_subcommand is None:
        serve()


def serve() -> None:
    """Check the settings and the model, and become gunicorn's main process.

    Where the folder of models has no version, the service starts and waits for one.

    Raises:
        click.ClickException: a setting is wrong, or all versions are damaged.

    """
    from gunicorn.app.wsgiapp import run  # what the gunicorn command runs: read in gunicorn 27.0.1

    settings = _read_settings(needs_version=False)
    with cli_errors():
        corrections.check(settings)
    sys.argv[1:] = ["--config", "python:service.server.gunicorn_conf", "service:create_app()"]
    run(prog="gunicorn")


main.add_command(models_group)


_paths_argument = click.argument("paths", metavar="FILE-OR-FOLDER...", nargs=-1, required=True)
_format_option = click.option(
    "--format",
    "row_format",
    type=click.Choice(get_args(output.Format)),
    help="[default: table on a terminal, else csv]",
)


@main.command("predict")
@_paths_argument
@click.option(
    "--prepare",
    "preparation",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="auto: find the digit and draw it as MNIST does. none: use the pixels unchanged, 28x28.",
)
@_format_option
def predict(paths: Sequence[str], preparation: "Preparation", row_format: output.Format | None) -> None:
    """Predict the digit in each image file, without a server.

    Folders are searched for images, at any depth; - is standard input. If a file can't be predicted, its row has the
    error, the other files are still predicted, and the exit code is 1.
    """
    from service.cli import batch_predict, image_files

    settings, images = _read_settings(), image_files.find_images(paths)
    _print_left_out(image_files.find_other_files(paths))
    _write_rows(
        row_format,
        output.PREDICTIONS,
        images,
        batch_predict.predict_files(images, settings, preparation),
        batch_predict.PREDICT_CHUNK_FILES,
    )


@main.command("read")
@_paths_argument
@_format_option
@click.option("--draw", "folder", metavar="FOLDER", help="Write each image there, with a box around each digit.")
def read(paths: Sequence[str], row_format: output.Format | None, folder: str | None) -> None:
    """Read all digits in image files, in reading order, without a server.

    Folders are searched for images, at any depth; - is standard input. If a file can't be read, its row has the error,
    the other files are still read, and the exit code is 1.
    """
    from service.cli import batch_predict, image_files, targets

    settings, images = _read_settings(), image_files.find_images(paths)
    _print_left_out(image_files.find_other_files(paths))
    with cli_errors():
        drawings = targets.plan_targets(images, folder) if folder is not None else None
    _write_rows(
        row_format,
        output.READINGS,
        images,
        batch_predict.read_files(images, settings, drawings),
        batch_predict.READ_CHUNK_FILES,
    )


def _print_left_out(files: Sequence[str]) -> None:
    """Print the files in folders that aren't images by their suffix to standard error."""
    if files:
        names = ", ".join(map(output.title, files[:MAX_LEFT_OUT_NAMES])) + ", ..." * (len(files) > MAX_LEFT_OUT_NAMES)
        click.echo(f"Left out, not images by their suffix: {names} ({len(files)} in all).", err=True)


def _write_rows(
    row_format: output.Format | None,
    layout: output.Layout[output.Answer],
    files: Sequence[str],
    outcomes: Generator[output.Answer | ServiceError, None, None],
    chunk: int,
) -> NoReturn:
    """Write the outcomes of files as they come, and exit."""
    with cli_errors(), closing(outcomes):
        row_format = row_format or ("table" if sys.stdout.isatty() else "csv")
        # On a terminal the rows themselves show the progress.
        items = outcomes if sys.stdout.isatty() else _show_progress(outcomes, len(files), chunk)
        all_answered = output.write_rows(row_format, layout, files, items)
    sys.exit(not all_answered)


@main.command("evaluate")
@click.argument("source", metavar="FOLDER-OR-TABLE")
@click.option("--format", "report_format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--html", "page", metavar="FILE", help="Write the mistakes there, as one HTML file.")
def evaluate(source: str, report_format: Literal["text", "json"], page: str | None) -> None:
    """Predict labelled image files, and print how many are read right.

    A label is a folder named 0 to 9, at any depth; or a file name that begins with the digit, such as 7_x.png; or a row
    of a CSV or TSV file with the columns file and digit. Name that file in place of the folder, or put it into the
    folder as index.csv or labels.csv. An image without an answer counts as not right. The exit code is 1 if labels are
    wrong or a file can't be opened.
    """
    from service.cli import labels, mistakes_page, score_text, scores

    settings = _read_settings()
    with cli_errors():
        if page is not None:
            mistakes_page.check_target(page)
        labelled = labels.load_labels(source)
        images = _predict_labelled(labelled, settings)
        report = scores.summarize(labelled, images)
        text = score_text.format_report(report) if report_format == "text" else msgspec.json.encode(report).decode()
        click.echo(text.encode())  # names may hold any Unicode, whatever the terminal's encoding
        if page is not None:
            mistakes_page.write(page, report, images, settings)
    sys.exit(bool(report.unopened))


def _predict_labelled(labels: "Labels", settings: Settings) -> "list[ScoredImage]":
    from service.cli import batch_predict, scores

    paths = [image.path for image in labels.images]
    with closing(batch_predict.predict_files(paths, settings)) as outcomes:
        return scores.pair_outcomes(labels, _show_progress(outcomes, len(paths), batch_predict.PREDICT_CHUNK_FILES))


def _show_progress(outcomes: Iterable[Item], count: int, chunk: int) -> Iterable[Item]:
    """Yield outcomes, and show a progress bar on a terminal if there are many."""
    from service.cli import batch_predict

    if count <= batch_predict.SERIAL_CHUNKS * chunk or not sys.stderr.isatty():
        yield from outcomes
    else:
        with click.progressbar(outcomes, count, file=sys.stderr, show_pos=True, update_min_steps=chunk) as bar:
            yield from bar


def _read_settings(needs_version: bool = True) -> Settings:
    """Read the settings, and check that the finder is intact and the default version can be served.

    Args:
        needs_version: whether a folder of models without any version is an error.

    Raises:
        click.ClickException: a setting is wrong, or the finder or the default version can't be used.

    """
    with cli_errors():
        settings = read_settings(os.environ)
        bind_address(settings)
        auth.read_key_digests(settings)
        cors.read_origins(settings)
        proxies.read_networks(settings)
        grpc.check_settings(settings)
        models_folder.check(settings)
        finder.verify(settings.models)
        if needs_version or loading.rank_versions(settings):
            loading.check_default(settings)
    return settings


if __name__ == "__main__":
    main(prog_name="python -m service")
