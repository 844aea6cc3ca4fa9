"""The mistakes of an evaluation as one HTML file without links to others: wrong answers and refusals, worst first."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.batch import image_files, tasks
from service.batch.names import title
from service.cli import score_text
from service.cli.scores import Report, ScoredImage
from service.errors import ServiceError, UnwritablePage, os_reason
from service.inference.predictor import Predictor
from service.inference.visualization import to_data_url
from service.preparation import decode
from service.settings import Settings

MAX_MISTAKES = 200  # on the page
THUMBNAIL_PX = 160  # the longer side of an image on the page, at most


@dataclass(frozen=True)
class Mistake:
    """An image that was not read right, with data: URLs of itself and of what the model saw; empty without one."""

    scored: ScoredImage
    image: str
    seen: str


def check_target(path: str) -> None:
    """Check that a page can be written to a path, before the images are read.

    Raises:
        UnwritablePage: the folder is missing or can't be written to, or the path is a folder.

    """
    folder = os.path.dirname(path) or os.curdir
    if os.path.isdir(path) or not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise UnwritablePage(f"The page can't be written to {title(path)}.")


def write(path: str, report: Report, images: Sequence[ScoredImage], settings: Settings) -> None:
    """Write the page of the mistakes among images. Loads their files a second time.

    Raises:
        ModelError: no version of the model can be loaded.
        UnwritablePage: the page can't be written.

    """
    mistakes = worst_first(images)
    predictor = tasks.load_predictor(settings)
    page = _load_template().render(
        scores=report.scores,
        notes=score_text.list_notes(report),
        mistakes=[_load_mistake(mistake, predictor) for mistake in mistakes[:MAX_MISTAKES]],
        rest=max(len(mistakes) - MAX_MISTAKES, 0),
    )
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        raise UnwritablePage(f"The page can't be written to {title(path)}: {os_reason(error)}.") from error


def worst_first(images: Sequence[ScoredImage]) -> list[ScoredImage]:
    """Return the images not read right: sure answers, then uncertain ones, both by confidence, then refusals."""
    return sorted((image for image in images if image.opened and not image.right), key=_rank)


def _rank(mistake: ScoredImage) -> tuple[bool, bool, float]:
    confidence = 0.0 if isinstance(mistake.outcome, ServiceError) else mistake.outcome.confidence
    return mistake.refused, mistake.uncertain, -confidence


def _load_mistake(scored: ScoredImage, predictor: Predictor) -> Mistake:
    try:
        data = image_files.load_file(scored.file.path, predictor.settings.max_bytes)
    except ServiceError:
        return Mistake(scored, "", "")
    return Mistake(
        scored,
        _url_or_empty(lambda: _thumbnail(data, predictor.settings)),
        _url_or_empty(lambda: predictor.normalize(data)),
    )


def _url_or_empty(draw: Callable[[], NDArray[np.uint8]]) -> str:
    with suppress(ServiceError):
        return to_data_url(draw())
    return ""


def _thumbnail(data: bytes, settings: Settings) -> NDArray[np.uint8]:
    image = Image.fromarray(decode.decode(data, settings.max_pixels, settings.max_frames))
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return np.asarray(image)


def _load_template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("service", "web/templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = _format_percent
    return environment.get_template("mistakes.html")


def _format_percent(share: float) -> str:
    """Return a share as text. Only 1 itself is written as 100%."""
    return ">99.99%" if 0.9999 < share < 1 else f"{share:.2%}"
