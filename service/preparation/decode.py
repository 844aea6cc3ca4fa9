"""Image files into gray pixels: formats, damaged files, orientation and the choice of the channel."""

import io
import threading
from contextlib import nullcontext, suppress

import numpy as np
from PIL import AvifImagePlugin, ExifTags, Image, ImageOps, TiffImagePlugin, WebPImagePlugin  # noqa: F401

from service.errors import EmptyImage, ServiceError, TooLarge, UnreadableImage
from service.preparation import gray_png, heif, limits, png_chunks
from service.preparation.grayscale import MIN_REDUCED_SIDE_PX, measure_contrast, to_lightness, to_strongest_channel
from service.preparation.types import Gray

# Recognised by content. Pillow knows some forty formats more, several of which run other programs. It would import them
# all (1.2 MB) at the first file if one of these were not imported above, or by itself: PNG, JPEG, GIF, BMP and PPM.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", *heif.FORMATS)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each worker has its core

# EXIF orientations: of an upright image, and of those that are stored lying on a side.
UPRIGHT = 1
SIDEWAYS_ORIENTATIONS = (5, 6, 7, 8)

# Ink and background of a color image that differ by less in lightness, in levels of 255, may differ in color. Digits of
# 16 levels are read in lightness, in noise of 4 levels.
FAINT_LEVELS = 24

# A color channel is used in place of the lightness if it has this many times the contrast.
MIN_CHANNEL_CONTRAST_RATIO = 2

# Ends to try on a file that is cut short. They differ from the first byte, and an image whose pixels are all there
# decodes the same with each. In a JPEG the first ends at once, and the second has more to decode, also after whichever
# restart marker comes next (ITU T.81, B.1).
_MORE = b"\x55\xaa" * 512
_RESTARTS = b"".join(bytes([0xFF, marker]) + _MORE for marker in range(0xD0, 0xD8))
ENDS = (b"\xff\xd9" + bytes(2**16), _MORE + 2 * _RESTARTS + b"\xff\xd9" + _MORE * 2**6)

_large_image_lock = threading.Lock()


def decode(data: bytes, max_pixels: int, max_frames: int) -> Gray:
    """Decode an image file, its first frame, to gray pixels uint8 (height, width), upright.

    Raises:
        EmptyImage: there are no bytes.
        UnreadableImage: the file has none of `FORMATS`, or is damaged.
        TooLarge: the image has more pixels, or the file more frames, than allowed.

    """
    if not data:
        raise EmptyImage("The file is empty.")
    if (gray := gray_png.decode(data, min(max_pixels, MIN_REDUCED_SIDE_PX**2))) is not None:
        return gray
    try:
        return _decode(data, max_pixels, max_frames)
    except UnreadableImage:
        if (gray := _decode_without_end(data, max_pixels, max_frames)) is None:
            raise
        return gray


def _decode_without_end(data: bytes, max_pixels: int, max_frames: int) -> Gray | None:
    """Decode a file that is cut short after the last pixel, or return None where pixels are missing."""
    with suppress(ServiceError):
        first, second = (_decode(data + end, max_pixels, max_frames) for end in ENDS)
        return first if np.array_equal(first, second) else None
    return None


def _decode(data: bytes, max_pixels: int, max_frames: int) -> Gray:
    gray = _decode_mode(data, "L", max_pixels, max_frames)
    contrast = measure_contrast(Image.fromarray(gray))
    if contrast < FAINT_LEVELS and _is_color(data):
        channel = _decode_mode(data, "RGB", max_pixels, max_frames)
        channel_contrast = measure_contrast(Image.fromarray(channel))
        if channel_contrast >= max(FAINT_LEVELS, MIN_CHANNEL_CONTRAST_RATIO * contrast):
            return channel
    return gray


def _is_color(data: bytes) -> bool:
    with _open(data) as image:
        return len(image.getbands()) > 2 or image.mode == "P"


def _decode_mode(data: bytes, mode: str, max_pixels: int, max_frames: int) -> Gray:
    """Decode the lightness of an image in mode L, or its color channel of most contrast in mode RGB."""
    with _open(data) as image:
        try:
            limits.check(image, data, max_pixels, max_frames)
            image.draft(mode, (MIN_REDUCED_SIDE_PX, MIN_REDUCED_SIDE_PX))
            with _large_image_lock if limits.is_large(image) else nullcontext():
                _turn_upright(image)
                gray = to_lightness(image) if mode == "L" else to_strongest_channel(image)
                image.close()
            return gray
        except ServiceError:
            raise
        # Pillow's decoders raise nearly any exception for damaged files: OSError, SyntaxError, struct.error, ...
        except Exception as error:
            raise UnreadableImage(f"The {image.format} file is damaged or cut short.") from error


def reduction_factor(data: bytes, gray: Gray) -> float:
    """Return how many pixels of an upright image file one pixel of its decoded image spans, 1 or more."""
    if min(gray.shape) < MIN_REDUCED_SIDE_PX:
        return 1.0
    with _open_cut(data) as image:
        width = image.height if _orientation(image) in SIDEWAYS_ORIENTATIONS else image.width
    return float(width / gray.shape[1])


def read_orientation(data: bytes) -> int:
    """Return the EXIF orientation of an image file, from 1 to 8; 1 if it has none, or a damaged one.

    Raises:
        ServiceError: UnreadableImage or TooLarge.

    """
    with _open_cut(data) as image:
        return _orientation(image)


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):  # damaged EXIF
        orientation = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
        return int(orientation) if orientation in range(UPRIGHT, 9) else UPRIGHT
    return UPRIGHT


def _open_cut(data: bytes) -> Image.Image:
    """Open an image file that may be cut short."""
    try:
        return _open(data)
    except UnreadableImage:
        return _open(data + ENDS[0])


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(png_chunks.remove_metadata(data)), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise TooLarge("The image has hundreds of millions of pixels: send it smaller.") from error
    except Exception as error:
        heif.check_readable(data)
        formats = ", ".join(FORMATS)
        raise UnreadableImage(f"This is not an image in a supported format ({formats}).") from error


def _turn_upright(image: Image.Image) -> None:
    image.load()  # damage of the pixels raises here, and is not suppressed
    with suppress(Exception):  # damaged EXIF is no reason to reject readable pixels
        ImageOps.exif_transpose(image, in_place=True)
