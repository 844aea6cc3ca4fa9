"""A Flask application that reads handwritten digits: it answers an image with the probability of each digit."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

__version__ = "1.0.0"


def create_app() -> "Flask":
    """Return the application with the settings of the MNIST_* variables, for `gunicorn 'service:create_app()'`.

    Raises:
        gunicorn.errors.AppImportError: a setting is invalid, or the finder can't be loaded; gunicorn prints the
            sentence and stops, and for any other exception it would print a traceback.

    """
    import os

    from service import app, errors, settings

    try:
        return app.create_app(settings.read_settings(os.environ))
    except errors.ServiceError as error:
        from gunicorn.errors import AppImportError  # printed without a traceback: read in gunicorn 27.0.1

        raise AppImportError(str(error)) from error
