"""An image file as it is kept: the file that was sent without its metadata, or a digit that is cropped out of it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from service.errors import MalformedRequest
from service.feedback import metadata
from service.preparation import decode, png_chunks
from service.preparation.types import Box, Gray
from service.settings import Settings

# Ratios to the longer side of a box. The margin ends at the nearest other digit.
MARGIN_RATIO, MIN_MARGIN_RATIO = 0.3, 0.05


@dataclass(frozen=True)
class KeptImage:
    """The bytes of an image file, and the suffix of its name."""

    content: bytes
    suffix: str


def from_file(data: bytes, settings: Settings) -> KeptImage:
    """Return an image file that can be decoded without its metadata.

    The pixels of a PNG or JPEG stay as they are; an image of any other format is kept as the service decodes it.
    """
    if data.startswith(png_chunks.SIGNATURE):
        return KeptImage(metadata.strip_png(data, decode.read_orientation(data)), ".png")
    if data.startswith(metadata.JPEG_START):
        return KeptImage(metadata.strip_jpeg(data, decode.read_orientation(data)), ".jpg")
    return _from_gray(decode.decode(data, settings.max_pixels, settings.max_frames))


def crop(data: bytes, box: Box, others: Sequence[Box], settings: Settings) -> KeptImage:
    """Return a box of an image file with a margin, upright and gray.

    Args:
        data: the file.
        box: the box, in pixels of the upright image.
        others: the boxes of the other digits in the image.
        settings: the limits for images.

    Raises:
        ServiceError: EmptyImage, UnreadableImage, TooLarge, or MalformedRequest if the box is outside of the image.

    """
    gray = decode.decode(data, settings.max_pixels, settings.max_frames)
    factor = decode.reduction_factor(data, gray)
    left, top, width, height = box
    margin = _margin(box, others)
    rows = _span(top - margin, top + height + margin, factor, gray.shape[0])
    columns = _span(left - margin, left + width + margin, factor, gray.shape[1])
    part = gray[rows, columns]
    if not part.size:
        raise MalformedRequest("The box is outside of the image.")
    return _from_gray(part)


def _from_gray(gray: Gray) -> KeptImage:
    file = io.BytesIO()
    Image.fromarray(gray).save(file, "PNG")
    return KeptImage(file.getvalue(), ".png")


def _margin(box: Box, others: Sequence[Box]) -> float:
    longer_side = max(box[2:])
    gap = min((_gap(box, other) for other in others), default=longer_side)
    return max(MIN_MARGIN_RATIO * longer_side, min(MARGIN_RATIO * longer_side, gap))


def _gap(box: Box, other: Box) -> float:
    """Return how far a box may grow before it meets the other."""
    gaps = [(other[i] - box[i] - box[i + 2], box[i] - other[i] - other[i + 2]) for i in (0, 1)]
    return max(max(pair) for pair in gaps)


def _span(start: float, end: float, factor: float, size: int) -> slice:
    """Return the pixels between two edges, in an image that is smaller than the file's by a factor."""
    return slice(*(round(min(max(edge / factor, 0), size)) for edge in (start, end)))
