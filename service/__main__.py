"""The command line: `python -m service`, installed as `mnist-service`."""

import os
import sys
from collections.abc import Callable

import click
import msgspec

from service import __version__, models
from service.errors import ServiceError
from service.settings import Settings, read_settings, variable


def _setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting; they come to it as texts, as variables do."""
    for field in reversed(msgspec.structs.fields(Settings)):
        description = field.type.__metadata__[0].description
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
    """Start gunicorn in place of this process, once settings and model are known to be good.

    Raises:
        click.ClickException: a setting is wrong, or there is no model that can be served.

    """
    try:
        settings = read_settings(os.environ)
        models.choose_runtime(models.find(settings.models), settings.runtime)
    except ServiceError as error:
        raise click.ClickException(str(error)) from error
    # Pictures' memory goes back to the system when freed; glibc would keep it, for each thread anew.
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**20))
    arguments = ["-m", "gunicorn", "--config", "python:service.gunicorn_conf", "service:create_app()"]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606


if __name__ == "__main__":
    main(prog_name="python -m service")
