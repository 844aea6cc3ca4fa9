"""The command line: `python -m service`, installed as `mnist-service`."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click
import msgspec

from service import __version__
from service.api import auth, cors, proxies
from service.cli.models import models_group
from service.cli.output import cli_errors
from service.errors import os_reason
from service.feedback import store as corrections
from service.models import loading, models_folder
from service.preparation import finder
from service.server import grpc
from service.settings import Settings, bind_address, read_settings, variable

if TYPE_CHECKING:
    from service.batch.rows import Answer
    from service.batch.tasks import Task
    from service.cli.labels import Labels
    from service.cli.scores import ScoredImage
    from service.inference.predictor import Preparation


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


def _image_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments and options of the commands that answer images."""
    for option in reversed(
        (
            click.argument("paths", metavar="SOURCE...", nargs=-1, required=True),
            click.option(
                "--format",
                "row_format",
                type=click.Choice(["table", "csv", "jsonl", "parquet"]),
                help="[default: table on a terminal, else csv; that of the output's suffix]",
            ),
            click.option(
                "--output",
                metavar="ADDRESS",
                default="",
                help="File, such as a.csv; or folder, for a file for each 1,024 images.",
            ),
            click.option("--resume", is_flag=True, help="Go on with an output that is there, where it ends."),
            click.option(
                "--engine",
                type=click.Choice(["plain", "ray"]),
                default="plain",
                show_default=True,
                help="plain: processes of this machine. ray: a Ray cluster, which needs the extra ray.",
            ),
            click.option(
                "--address",
                metavar="HOST:PORT",
                default="",
                help="Ray cluster, or auto for the one of this machine.  [default: one is started]",
            ),
            click.option("--column", metavar="NAME", help="Column of the images in Parquet files."),
        )
    ):
        command = option(command)
    return command


@main.command("predict")
@_image_options
@click.option(
    "--prepare",
    "preparation",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="auto: find the digit and draw it as MNIST does. none: use the pixels unchanged, 28x28.",
)
def predict(paths: Sequence[str], preparation: "Preparation", column: str | None, **destination: Any) -> None:
    """Predict the digit in each image, without a server.

    A source is a file, a folder, which is searched at any depth, a zip or tar archive, a Parquet file with a column of
    bytes, or an address of fsspec, such as s3://bucket/*.zip; - is standard input. If an image can't be predicted, its
    row has the error, the others are still predicted, and the exit code is 1.
    """
    from service.batch.tasks import PredictTask

    settings = _read_settings()
    _answer(PredictTask(settings, preparation), paths, column, **destination)


@main.command("read")
@_image_options
@click.option("--draw", "drawings", metavar="FOLDER", help="Write each image there, with a box around each digit.")
def read(paths: Sequence[str], column: str | None, drawings: str | None, **destination: Any) -> None:
    """Read all digits in images, in reading order, without a server.

    A source is a file, a folder, which is searched at any depth, a zip or tar archive, a Parquet file with a column of
    bytes, or an address of fsspec, such as s3://bucket/*.zip; - is standard input. If an image can't be read, its row
    has the error, the others are still read, and the exit code is 1.
    """
    from service.batch.tasks import ReadTask

    settings = _read_settings()
    _answer(ReadTask(settings), paths, column, drawings, **destination)


def _answer(
    task: "Task[Answer]",
    paths: Sequence[str],
    column: str | None,
    drawings: str | None = None,
    **destination: Any,
) -> NoReturn:
    """Answer all images of the sources, and exit."""
    from service.batch.sources import Sources
    from service.cli import batch

    with cli_errors():
        sources = Sources(paths, column)
        all_answered = batch.answer(task, sources, batch.Destination(**destination), drawings)
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
    from service.batch import progress
    from service.batch.processes import Processes
    from service.batch.references import File, split
    from service.batch.tasks import PredictTask
    from service.cli import scores

    task = PredictTask(settings)
    chunks = split((File(image.path) for image in labels.images), task.chunk_images)
    with closing(Processes(settings.workers).answer_chunks(task, chunks)) as answers:
        outcomes = (outcome for _, outcome in answers)
        return scores.pair_outcomes(labels, progress.watched(outcomes, len(labels.images), task.chunk_images))


def _read_settings(needs_version: bool = True) -> Settings:
    """Read the settings, and check that the finder is intact and the default version can be served.

    Args:
        needs_version: whether a folder of models without any version is an error.

    Raises:
        click.ClickException: a setting is wrong, or the finder or the default version can't be used.

    """
    with cli_errors():
        settings = read_settings(os.environ)
        bind_address(settings.host, settings.port)
        auth.read_key_digests(settings)
        cors.read_origins(settings)
        proxies.read_networks(settings)
        grpc.check_settings(settings)
        models_folder.check(settings)
        finder.verify(settings.models)
        if needs_version or loading.rank_versions(settings):
            loading.check_default(settings)
    return settings


def run() -> None:
    """Run the command line. An error of the system, as when standard output is on a full disk, is one sentence."""
    try:
        main()
    except OSError as error:
        click.echo(f"Error: {f'{error.filename}: ' if error.filename else ''}{os_reason(error)}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
