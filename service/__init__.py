"""Reads handwritten digits: a Flask application that answers pictures with the probability of each digit."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

__version__ = "1.0.0"


def create_app() -> "Flask":
    """Make the application from the MNIST_* variables, for `gunicorn 'service:create_app()'`.

    Raises:
        gunicorn.errors.AppImportError: a setting is wrong or there is no model; gunicorn then prints
            the sentence alone and stops, where any other exception would show a traceback.

    """
    import os

    from service import app, errors, settings

    try:
        return app.create_app(settings.read_settings(os.environ))
    except errors.ServiceError as error:
        from gunicorn.errors import AppImportError  # which it prints so: read in gunicorn 27.0.1

        raise AppImportError(str(error)) from error
