"""Images with a labelled box around each digit that was read, as PNG files."""

import os
from functools import cache
from statistics import median

from PIL import Image, ImageDraw, ImageFont

from service.batch.names import title
from service.errors import UnwritableDrawing
from service.inference import visualization
from service.inference.schemas import ReadDigit, Reading
from service.preparation import decode
from service.preparation.types import Gray
from service.settings import Settings

MAX_DRAWING_PX = 2000  # a larger image is reduced
MIN_DRAWING_PX = 560  # a smaller image is enlarged by the largest whole factor that fits, to make room for labels
LINE_PX = 2
PADDING_PX = 3
MIN_LABEL_PX = 14
LABEL_HEIGHT_RATIO = 0.35  # of the median height of the digits

SURE, UNCERTAIN = visualization.BLUE, visualization.ORANGE
BLACK = (0, 0, 0)

Size = tuple[int, int]
Corners = tuple[int, int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write(target: str, data: bytes, reading: Reading, settings: Settings) -> None:
    """Write an image, upright and in gray, with a box around each digit of its reading, as a PNG file.

    Raises:
        UnwritableDrawing: the file or its folder can't be written.

    """
    image = decode.decode(data, settings.max_pixels, settings.max_frames)
    drawing = draw(image, reading, decode.reduction_factor(data, image))
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        drawing.save(target, "PNG")
    except OSError as error:
        raise UnwritableDrawing.at(title(target), error) from error


def draw(image: Gray, reading: Reading, reduction: float = 1.0) -> Image.Image:
    """Return an image uint8 (height, width) as RGB, with a labelled box around each digit of a reading.

    The boxes are in the pixels of the file, of which `reduction` make one pixel of the image.
    """
    drawing = _resize(Image.fromarray(image)).convert("RGB")
    scale = drawing.width / image.shape[1] / reduction
    height_px = median(digit.box[3] for digit in reading.digits) * scale
    font = _load_font(max(MIN_LABEL_PX, round(height_px * LABEL_HEIGHT_RATIO)))
    for digit in reading.digits:
        _draw_box(drawing, digit, scale, font)
    return drawing


def _resize(image: Image.Image) -> Image.Image:
    factor = max(1, MIN_DRAWING_PX // max(image.size))
    size = (image.width * factor, image.height * factor)
    resized = image.resize(size, Image.Resampling.NEAREST)
    resized.thumbnail((MAX_DRAWING_PX, MAX_DRAWING_PX))
    return resized


@cache
def _load_font(size_px: int) -> Font:
    return ImageFont.load_default(size_px)


def _draw_box(drawing: Image.Image, digit: ReadDigit, scale: float, font: Font) -> None:
    canvas, color = ImageDraw.Draw(drawing), UNCERTAIN if digit.uncertain else SURE
    outline = _outline(digit, scale, drawing.size)
    canvas.rectangle(outline, outline=color, width=LINE_PX)
    text = f"{digit.digit}?" if digit.uncertain else f"{digit.digit}"
    width, height = (round(edge) + 2 * PADDING_PX for edge in canvas.textbbox((0, 0), text, font, anchor="lt")[2:])
    left, top = _place_label(outline, (width, height), drawing.size)
    canvas.rectangle((left, top, left + width - 1, top + height - 1), fill=color)
    canvas.text((left + PADDING_PX, top + PADDING_PX), text, BLACK, font, anchor="lt")


def _outline(digit: ReadDigit, scale: float, size: Size) -> Corners:
    """Return the left, top, right and bottom of the box around a digit, clipped to the size of the drawing."""
    left, top, width, height = (round(edge * scale) for edge in digit.box)
    edges = (left - LINE_PX, top - LINE_PX, left + width + LINE_PX - 1, top + height + LINE_PX - 1)
    left, top, right, bottom = (min(max(edge, 0), side - 1) for edge, side in zip(edges, size * 2, strict=True))
    return left, top, right, bottom


def _place_label(outline: Corners, label: Size, size: Size) -> tuple[int, int]:
    """Return the left and top of a label: above the box where it fits, else below it, else inside it."""
    left, top, _, bottom = outline
    left = max(0, min(left, size[0] - label[0]))
    if top >= label[1]:
        return left, top - label[1]
    return left, bottom + 1 if bottom + label[1] < size[1] else top
