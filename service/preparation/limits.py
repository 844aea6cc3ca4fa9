"""Limits of image files, checked before the pixels are decoded: sides, pixels and frames."""

import io
from contextlib import suppress

from PIL import Image

from service.errors import TooLarge
from service.preparation import heif
from service.preparation.grayscale import MIN_REDUCED_SIDE_PX

# A side has at most as many pixels as JPEG's may. Each row costs Pillow memory: a PNG of 1 x 8,388,609 took 450 MB.
MAX_SIDE_PX = 2**16 - 1

# A process decodes one image with more pixels at a time, so that its memory is bounded.
LARGE_IMAGE_PIXELS = 1_000_000

# A JPEG that is decoded at half its scale or less may have this many times the pixels of other images.
SCALED_JPEG_RATIO = 4

JPEG_SCAN_MARKER = 0xDA


def check(image: Image.Image, data: bytes, max_pixels: int, max_frames: int) -> None:
    """Check the size and the number of frames of an opened image file.

    Raises:
        TooLarge: the image has too many pixels, or the file too many frames.

    """
    if max(image.size) > MAX_SIDE_PX:
        raise TooLarge(f"The image has {image.width}x{image.height} pixels; a side has at most {MAX_SIDE_PX}.")
    limit = SCALED_JPEG_RATIO * max_pixels if _is_scaled_jpeg(image, data) else max_pixels
    if image.width * image.height > limit:
        raise TooLarge(
            f"The image has {image.width}x{image.height} pixels; at most {limit} are read: "
            f"send it smaller, such as {_fit_size(image.width, image.height, limit)}."
        )
    if image.format in ("AVIF", "HEIF"):
        heif.check_coded_size(data, image.format, max_pixels)
    if _has_more_frames(image, data, max_frames):
        raise TooLarge(f"The file has more than {max_frames} frames.")


def is_large(image: Image.Image) -> bool:
    """Return whether an image has more than `LARGE_IMAGE_PIXELS`."""
    return image.width * image.height > LARGE_IMAGE_PIXELS


def _fit_size(width: int, height: int, max_pixels: int) -> str:
    """Return a size of at most `max_pixels` in the same aspect ratio, such as 1000x750."""
    scale = (max_pixels / (width * height)) ** 0.5
    return f"{max(1, int(width * scale))}x{max(1, int(height * scale))}"


def _is_scaled_jpeg(image: Image.Image, data: bytes) -> bool:
    """Return whether an image is a JPEG of a single scan, which is decoded at half its scale or less if it is large."""
    if image.format not in ("JPEG", "MPO") or "progressive" in image.info:
        return False
    if min(image.size) < 2 * MIN_REDUCED_SIDE_PX and is_large(image):  # too narrow: it is decoded at full scale
        return False
    position = 2
    with suppress(IndexError):
        while (marker := data[position + 1]) != JPEG_SCAN_MARKER:  # of the first scan (ITU T.81, B.1)
            position += 1 if marker == 0xFF else 2 + int.from_bytes(data[position + 2 : position + 4])
        return data[position + 4] == len(image.getbands())
    return False


def _has_more_frames(image: Image.Image, data: bytes, limit: int) -> bool:
    # For n_frames, Pillow reads a whole GIF or TIFF, which takes minutes for a hostile file.
    if image.format == "GIF":
        return _gif_has_more_frames(data, limit)
    if image.format == "TIFF":
        return _tiff_has_more_frames(data, limit)
    return getattr(image, "n_frames", 1) > limit


def _tiff_has_more_frames(data: bytes, limit: int) -> bool:
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
        try:
            image.seek(limit)
        except EOFError:
            return False
    return True


def _gif_has_more_frames(data: bytes, limit: int) -> bool:
    """Count the frames by the blocks of a GIF, which are not decoded (GIF89a specification, appendix B)."""
    frames, position = 0, 13 + _gif_table_size(data[10])
    while frames <= limit and data[position : position + 1] in (b"!", b","):
        if data[position] == ord(","):
            frames += 1
            position += 11 + _gif_table_size(data[position + 9])
        else:
            position += 2
        while size := data[position]:
            position += 1 + size
        position += 1
    return frames > limit


def _gif_table_size(flags: int) -> int:
    return 6 << (flags & 7) if flags & 0x80 else 0
