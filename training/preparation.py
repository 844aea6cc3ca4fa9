"""How well uploads are read, by condition: prepared by plain resizing, and by the service."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service import digits, ink
from service.errors import NoDigit
from service.images import decode
from service.models import Model
from service.settings import Settings
from training.evaluate import accuracy
from training.uploads import CONDITIONS, Upload

Gray = NDArray[np.uint8]


def accuracies(uploads: Iterable[Upload], model: Model) -> Iterator[tuple[str, float, float]]:
    """Give every condition, and the part of its uploads read right, resized plainly and prepared by the service."""
    of_condition: dict[str, list[tuple[int, Gray, Gray]]] = {condition: [] for condition in CONDITIONS}
    for upload in uploads:
        picture = _decode(upload)
        of_condition[upload.condition].append((upload.label, resize(picture), _prepare(picture)))
    for condition, rows in of_condition.items():
        labels, plain, prepared = (np.array(column) for column in zip(*rows, strict=True))
        read = [accuracy(model.predict(digits.scale(batch)), labels) for batch in (plain, prepared)]
        yield condition, read[0], read[1]


def resize(picture: Gray) -> Gray:
    """Resize a picture uint8 (height, width) to 28x28, and do nothing else."""
    return np.asarray(Image.fromarray(picture).resize((digits.SIDE, digits.SIDE), Image.Resampling.BILINEAR))


def draw_sheet(uploads: Iterable[Upload], path: Path) -> None:
    """Draw uploads, the ink found in each and the 28x28 result, a row for each condition, as a picture file."""
    from matplotlib.figure import Figure

    rows: dict[str, list[Gray]] = {}
    for upload in uploads:
        rows.setdefault(upload.condition, []).extend(_steps(_decode(upload)))
    columns = max(map(len, rows.values()))
    figure = Figure(figsize=(columns * 1.1, len(rows) * 1.1), layout="constrained")
    for (condition, pictures), row in zip(rows.items(), figure.subplots(len(rows), columns), strict=True):
        row[0].set_title(condition, loc="left", fontsize=8)
        for axes, picture in zip(row, pictures, strict=True):
            _show(axes, picture)
    figure.savefig(path, facecolor="lightsteelblue", dpi=80)


def _show(axes: Any, picture: Gray) -> None:
    axes.set_axis_off()
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255)


def _steps(picture: Gray) -> tuple[Gray, Gray, Gray]:
    try:
        found = np.rint(ink.find(picture) * 255).astype(np.uint8)
    except NoDigit:
        found = np.zeros((1, 1), np.uint8)
    return picture, found, _prepare(picture)


def _decode(upload: Upload) -> Gray:
    limits = Settings()
    return decode(upload.data, limits.max_pixels, limits.max_frames)


def _prepare(picture: Gray) -> Gray:
    try:
        return digits.prepare(picture)
    except NoDigit:  # read wrong, as far as the digit that is there is concerned
        return np.zeros((digits.SIDE, digits.SIDE), np.uint8)
