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
from service.cli.models import administer, refusals
from service.errors import ServiceError
from service.models import loading, models_folder
from service.preparation import finder
from service.settings import Settings, bind_address, read_settings, variable

if TYPE_CHECKING:
    from service.cli.evaluate import Labels, Reading
    from service.inference.predictor import Preparation

Answer = TypeVar("Answer")

MAX_NAMED_FILES = 5  # of those that are left out of a folder


def _setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting; they come to it as texts, as variables do."""
    for field in reversed(msgspec.structs.fields(Settings)):
        meta = field.type.__metadata__[0]
        if meta.extra:  # a secret: the command lines of processes can be read by others
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

    Each option can be given as the environment variable that stands behind it, too.
    """
    # The worker processes read their settings from the environment, so options go there.
    os.environ.update({variable(name): value for name, value in options.items() if value is not None})
    if context.invoked_subcommand is None:
        serve()


def serve() -> None:
    """Become gunicorn's main process, once settings and model are known to be good.

    In a folder of models without any version it waits for one.

    Raises:
        click.ClickException: a setting is wrong, or all versions are damaged.

    """
    from gunicorn.app.wsgiapp import run  # what its command runs: read in gunicorn 27.0.1

    _read_settings(needs_version=False)
    sys.argv[1:] = ["--config", "python:service.server.gunicorn_conf", "service:create_app()"]
    run(prog="gunicorn")


main.add_command(administer)


_paths_argument = click.argument("paths", metavar="FILE-OR-FOLDER...", nargs=-1, required=True)
_form_option = click.option(
    "--format", "form", type=click.Choice(get_args(output.Form)), help="[default: table on a terminal, else csv]"
)


@main.command("predict")
@_paths_argument
@click.option(
    "--prepare",
    "preparation",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="Make each picture a digit as MNIST has them, or take it as it is, 28x28.",
)
@_form_option
def predict(paths: Sequence[str], preparation: "Preparation", form: output.Form | None) -> None:
    """Predict picture files, without a server.

    Folders are searched for pictures, and those below them; - is standard input. The exit code is 1 if a file couldn't
    be predicted; it has its error in its place, and the others are done.
    """
    from service.cli import batch_predict

    settings, pictures = _read_settings(), batch_predict.find(paths)
    _tell_left_out(batch_predict.find_others(paths))
    _write(
        form,
        output.PREDICTIONS,
        pictures,
        batch_predict.predict(pictures, settings, preparation),
        batch_predict.CHUNK,
    )


@main.command("read")
@_paths_argument
@_form_option
@click.option("--draw", "folder", metavar="FOLDER", help="Write each picture there, with a box around each digit.")
def read(paths: Sequence[str], form: output.Form | None, folder: str | None) -> None:
    """Read all digits in picture files, in the order that people read them, without a server.

    Folders are searched for pictures, and those below them; - is standard input. The exit code is 1 if a file couldn't
    be read; it has its error in its place, and the others are done.
    """
    from service.cli import batch_predict, targets

    settings, pictures = _read_settings(), batch_predict.find(paths)
    _tell_left_out(batch_predict.find_others(paths))
    with refusals():
        drawings = targets.plan(pictures, folder) if folder is not None else None
    _write(
        form,
        output.READINGS,
        pictures,
        batch_predict.read(pictures, settings, drawings),
        batch_predict.READ_CHUNK,
    )


def _tell_left_out(others: Sequence[str]) -> None:
    """Say on standard error which files in folders are left out: those that by their suffix are no pictures."""
    if others:
        names = ", ".join(map(output.title, others[:MAX_NAMED_FILES])) + (", ..." if others[MAX_NAMED_FILES:] else "")
        click.echo(f"Left out as no pictures, by their suffix: {names} ({len(others)} in all).", err=True)


def _write(
    form: output.Form | None,
    layout: output.Layout[output.Answer],
    pictures: Sequence[str],
    outcomes: Generator[output.Answer | ServiceError, None, None],
    chunk: int,
) -> NoReturn:
    """Write the outcomes of pictures as they come, and exit."""
    with refusals(), closing(outcomes):
        form = form or ("table" if sys.stdout.isatty() else "csv")
        # Rows that come on the same terminal show by themselves how far it is.
        progress = outcomes if sys.stdout.isatty() else _progress(outcomes, len(pictures), chunk)
        succeeded = output.write(form, layout, pictures, progress)
    sys.exit(not succeeded)


@main.command("evaluate")
@click.argument("source", metavar="FOLDER-OR-TABLE")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--html", "page", metavar="FILE", help="Write a page of the mistakes there, which stands alone.")
def evaluate(source: str, form: Literal["text", "json"], page: str | None) -> None:
    """Read labelled picture files, and tell how many are read right.

    A label is a folder named 0 to 9, at any depth; or a file's name that begins with the digit, such as 7_x.png; or a
    row of a CSV or TSV file with the columns file and digit, given in place of the folder or in it as index.csv or
    labels.csv. The exit code is 1 if labels are wrong or a file couldn't be opened; pictures without an answer count.
    """
    from service.cli import evaluate as evaluation
    from service.cli import mistakes_page

    settings = _read_settings()
    with refusals():
        if page is not None:
            mistakes_page.check_target(page)
        labels = evaluation.load(source)
        readings = _read_images(labels, settings)
        report = evaluation.summarize(labels, readings)
        text = evaluation.as_text(report) if form == "text" else msgspec.json.encode(report).decode()
        click.echo(text.encode())  # names are any Unicode, whatever the terminal's encoding
        if page is not None:
            mistakes_page.write(page, report, readings, settings)
    sys.exit(bool(report.unopened))


def _read_images(labels: "Labels", settings: Settings) -> "list[Reading]":
    from service.cli import batch_predict
    from service.cli import evaluate as evaluation

    paths = [image.path for image in labels.images]
    with closing(batch_predict.predict(paths, settings)) as outcomes:
        return evaluation.read(labels, _progress(outcomes, len(paths), batch_predict.CHUNK))


def _progress(outcomes: Iterable[Answer], count: int, chunk: int) -> Iterable[Answer]:
    """Show a bar where one can wait for long."""
    from service.cli import batch_predict

    if count <= batch_predict.FEW_CHUNKS * chunk or not sys.stderr.isatty():
        yield from outcomes
    else:
        with click.progressbar(outcomes, count, file=sys.stderr, show_pos=True, update_min_steps=chunk) as bar:
            yield from bar


def _read_settings(needs_version: bool = True) -> Settings:
    """Read the settings, and check that there is a model that can be served with them, and an intact finder.

    Args:
        needs_version: that there is no version at all is wrong.

    Raises:
        click.ClickException: a setting is wrong, or there is no such model or finder.

    """
    with refusals():
        settings = read_settings(os.environ)
        bind_address(settings)
        auth.read(settings)
        cors.read(settings)
        proxies.read(settings)
        models_folder.check(settings)
        finder.verify(settings.models)
        if needs_version or loading.candidates(settings):
            loading.check_default(settings)
    return settings


if __name__ == "__main__":
    main(prog_name="python -m service")
