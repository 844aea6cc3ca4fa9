"""The sheet of corrections: one HTML file with each image, the answer that was given and the correction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from service.errors import ServiceError
from service.inference.visualization import to_data_url
from training.data import image_folders
from training.feedback.corrections import StoredCorrection

MAX_IMAGES = 1000  # on the sheet, of some kilobytes each
THUMBNAIL_PX = 120  # the longer side of an image on the sheet, at most


@dataclass(frozen=True)
class SheetImage:
    """A correction on the sheet, and the data: URL of its image; empty if the image can't be read."""

    correction: StoredCorrection
    url: str
    is_slip: bool


def write(
    path: Path, folder: Path, corrections: Sequence[StoredCorrection], slips: Collection[StoredCorrection]
) -> None:
    """Write the sheet: likely slips first, then the latest corrections, a thousand at most."""
    latest_first = sorted(corrections, key=lambda each: each.record.time if each.record else "", reverse=True)
    ordered = sorted(latest_first, key=lambda correction: correction not in slips)
    images = [_draw(folder, correction, correction in slips) for correction in ordered[:MAX_IMAGES]]
    page = _load_template().render(images=images, slips=len(slips), count=len(corrections))
    path.write_text(page, encoding="utf-8")


def _draw(folder: Path, correction: StoredCorrection, is_slip: bool) -> SheetImage:
    try:
        image = Image.fromarray(image_folders.decode_image((folder / correction.path).read_bytes()))
    except (ServiceError, OSError):
        return SheetImage(correction, "", is_slip)
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return SheetImage(correction, to_data_url(np.asarray(image)), is_slip)


def _load_template() -> jinja2.Template:
    folders = [Path(__file__).parent, Path(__file__).parents[1] / "report"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("sheet.html")
