"""The mistakes of an evaluation as one HTML page that stands alone: wrong answers and refusals, the worst first."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.cli import batch_predict, evaluate, output
from service.cli.evaluate import Reading, Report
from service.errors import ServiceError, UnwritablePage, os_reason
from service.inference.predictor import Predictor
from service.inference.visualization import data_url
from service.preparation import decode
from service.settings import Settings

MOST = 200  # on a page
SIDE = 160  # at most, of an image on it


@dataclass(frozen=True)
class Mistake:
    """A mistake, its image and what the model saw as data: URLs; empty ones where there is nothing to show."""

    reading: Reading
    image: str
    seen: str


def check_target(path: str) -> None:
    """Check that a page can be written, before there is work to lose.

    Raises:
        UnwritablePage: its folder is not there or can't be written to, or the path is a folder.

    """
    folder = os.path.dirname(path) or os.curdir
    if os.path.isdir(path) or not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise UnwritablePage(f"The page can't be written to {output.title(path)}.")


def write(path: str, report: Report, readings: Sequence[Reading], settings: Settings) -> None:
    """Write the page of the mistakes among readings, whose files are read a second time.

    Raises:
        ModelError: no version of the model can be loaded.
        UnwritablePage: the page can't be written.

    """
    mistakes = worst_first(readings)
    predictor = batch_predict.load_predictor(settings)
    page = _template().render(
        scores=report.scores,
        notes=evaluate.notes(report),
        mistakes=[_show(reading, predictor) for reading in mistakes[:MOST]],
        rest=max(len(mistakes) - MOST, 0),
    )
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        raise UnwritablePage(f"The page can't be written to {output.title(path)}: {os_reason(error)}.") from error


def worst_first(readings: Sequence[Reading]) -> list[Reading]:
    """Return the mistakes: those that the model was sure of, uncertain ones, both by confidence, and then refusals."""
    mistakes = [item for item in readings if item.opened and not item.right]
    return sorted(mistakes, key=_rank)


def _rank(mistake: Reading) -> tuple[bool, bool, float]:
    confidence = 0.0 if isinstance(mistake.outcome, ServiceError) else mistake.outcome.confidence
    return mistake.refused, mistake.uncertain, -confidence


def _show(mistake: Reading, predictor: Predictor) -> Mistake:
    try:
        data = batch_predict.load(mistake.image.path, predictor.settings.max_bytes)
    except ServiceError:
        return Mistake(mistake, "", "")
    return Mistake(
        mistake,
        _url(lambda: _reduce(data, predictor.settings)),
        _url(lambda: predictor.normalize(data)),
    )


def _url(make: Callable[[], NDArray[np.uint8]]) -> str:
    with suppress(ServiceError):
        return data_url(make())
    return ""


def _reduce(data: bytes, settings: Settings) -> NDArray[np.uint8]:
    image = Image.fromarray(decode.decode(data, settings.max_pixels, settings.max_frames))
    image.thumbnail((SIDE, SIDE))
    return np.asarray(image)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("service", "web/templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = _percent
    return environment.get_template("mistakes.html")


def _percent(share: float) -> str:
    """Write a share, and nothing that is not 0 or 1 as if it were."""
    return ">99.99%" if 0.9999 < share < 1 else f"{share:.2%}"
