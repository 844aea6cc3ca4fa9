"""The contact sheet: uploads, the ink found in them, and the digits made of it, as one image."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from service.errors import NoDigit
from service.preparation.finder import Finder
from service.preparation.types import Gray
from training.data.image_folders import decode_image
from training.synthetic.conditions import Upload
from training.synthetic.prepare import load_finder, prepare_image


def draw_contact_sheet(uploads: Iterable[Upload], models: Path, path: Path) -> None:
    """Draw uploads, the ink found in each and the 28x28 result to an image file, a row for each condition.

    Raises:
        ModelError: the finder of the folder `models` is damaged, or can't be read.

    """
    from matplotlib.figure import Figure

    finder, rows = load_finder(models), dict[str, list[Gray]]()
    for upload in uploads:
        rows.setdefault(upload.condition, []).extend(_list_steps(decode_image(upload.data), finder))
    columns = max(map(len, rows.values()))
    figure = Figure(figsize=(columns * 1.1, len(rows) * 1.1), layout="constrained")
    for (condition, images), row in zip(rows.items(), figure.subplots(len(rows), columns), strict=True):
        row[0].set_title(condition, loc="left", fontsize=8)
        for axes, image in zip(row, images, strict=True):
            _show(axes, image)
    figure.savefig(path, facecolor="lightsteelblue", dpi=80)


def _list_steps(image: Gray, finder: Finder) -> tuple[Gray, Gray, Gray]:
    """Return an image, the ink found in it, and the digit made of the ink."""
    try:
        ink = np.rint(finder.find(image).ink * 255).astype(np.uint8)
    except NoDigit:
        ink = np.zeros((1, 1), np.uint8)
    return image, ink, prepare_image(image, finder)


def _show(axes: Any, image: Gray) -> None:
    axes.set_axis_off()
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
