"""Pictures with a box around each digit that was read in them, and the digit beside it, as PNG files."""

import os
from functools import cache
from statistics import median

from PIL import Image, ImageDraw, ImageFont

from service.cli import output
from service.errors import UnwritableDrawing
from service.inference import visualization
from service.inference.schemas import ReadDigit, Reading
from service.preparation import decode
from service.preparation.looks import Gray
from service.settings import Settings

MAX_SIDE_PX = 2000  # a larger picture is reduced
LEGIBLE_SIDE_PX = 560  # a smaller one is enlarged by the whole factor that fits, so that there is room for labels
LINE_PX = 2
PADDING_PX = 3
MIN_LABEL_PX = 14
LABEL_RATIO = 0.35  # of the height of the middling digit

SURE, UNCERTAIN = visualization.BLUE, visualization.ORANGE
BLACK = (0, 0, 0)

Size = tuple[int, int]
Corners = tuple[int, int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write(target: str, data: bytes, reading: Reading, settings: Settings) -> None:
    """Write a picture file, upright and in gray, with the digits that were read in it, as a PNG file.

    Raises:
        UnwritableDrawing: the file, or a folder that it is in, can't be written.

    """
    image = decode.decode(data, settings.max_pixels, settings.max_frames)
    drawing = draw(image, reading, decode.reduction(data, image))
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        drawing.save(target, "PNG")
    except OSError as error:
        raise UnwritableDrawing.at(output.title(target), error) from error


def draw(image: Gray, reading: Reading, reduction: float = 1.0) -> Image.Image:
    """Return an image uint8 (height, width) with a box around each digit of a reading, and the digit beside it.

    Each of its pixels has `reduction` of the picture that the boxes are in.
    """
    drawing = _fit(Image.fromarray(image)).convert("RGB")
    scale = drawing.width / image.shape[1] / reduction
    height_px = median(digit.box[3] for digit in reading.digits) * scale
    font = _font(max(MIN_LABEL_PX, round(height_px * LABEL_RATIO)))
    for digit in reading.digits:
        _mark(drawing, digit, scale, font)
    return drawing


def _fit(image: Image.Image) -> Image.Image:
    factor = max(1, LEGIBLE_SIDE_PX // max(image.size))
    size = (image.width * factor, image.height * factor)
    shown = image.resize(size, Image.Resampling.NEAREST)
    shown.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    return shown


@cache
def _font(size_px: int) -> Font:
    return ImageFont.load_default(size_px)


def _mark(drawing: Image.Image, digit: ReadDigit, scale: float, font: Font) -> None:
    canvas, color = ImageDraw.Draw(drawing), UNCERTAIN if digit.uncertain else SURE
    outline = _outline(digit, scale, drawing.size)
    canvas.rectangle(outline, outline=color, width=LINE_PX)
    text = f"{digit.digit}?" if digit.uncertain else f"{digit.digit}"
    width, height = (round(edge) + 2 * PADDING_PX for edge in canvas.textbbox((0, 0), text, font, anchor="lt")[2:])
    left, top = _label_place(outline, (width, height), drawing.size)
    canvas.rectangle((left, top, left + width - 1, top + height - 1), fill=color)
    canvas.text((left + PADDING_PX, top + PADDING_PX), text, BLACK, font, anchor="lt")


def _outline(digit: ReadDigit, scale: float, size: Size) -> Corners:
    """Return the left, top, right and bottom of the box around a digit, as far as a drawing of a size reaches."""
    left, top, width, height = (round(edge * scale) for edge in digit.box)
    edges = (left - LINE_PX, top - LINE_PX, left + width + LINE_PX - 1, top + height + LINE_PX - 1)
    left, top, right, bottom = (min(max(edge, 0), side - 1) for edge, side in zip(edges, size * 2, strict=True))
    return left, top, right, bottom


def _label_place(outline: Corners, label: Size, size: Size) -> tuple[int, int]:
    """Return the left and top of a label above a box, or else below it, or else in it."""
    left, top, _, bottom = outline
    left = max(0, min(left, size[0] - label[0]))
    if top >= label[1]:
        return left, top - label[1]
    return left, bottom + 1 if bottom + label[1] < size[1] else top
