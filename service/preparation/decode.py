"""Uploaded bytes into grayscale pictures: formats, limits, orientation and transparency."""

import io
import threading
from contextlib import nullcontext, suppress

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, ExifTags, Image, ImageOps

from service.errors import EmptyImage, ServiceError, TooLarge, UnreadableImage
from service.preparation import gray_png, heif, png_chunks

# Recognised by content. Pillow knows some forty formats more, several of which run other programs.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", *heif.FORMATS)
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each worker has its core

# Larger pictures are reduced by a whole factor, to at least this width and height: more tells nothing of a digit.
SIDE = 512

# A side has at most as many pixels as JPEG's may. Each row costs Pillow memory: a PNG of 1 x 8,388,609 took 450 MB.
MAX_SIDE_PX = 2**16 - 1

# EXIF orientations of pictures that are stored lying on a side.
SIDEWAYS = (5, 6, 7, 8)

# Ink alone varies by less, in levels of 255.
PAPER_AND_INK = 40

# Ink and paper of a color picture that differ by less in lightness, in levels of 255, may differ in color. Digits of 16
# levels are read in lightness, in noise of 4 levels.
FAINT_LEVELS = 24

# A color channel has to show so many times the contrast of the lightness to be taken in its place.
CHANNEL_TO_LIGHTNESS_RATIO = 2

# Contrast is measured between these parts of the pixels of a picture that is reduced to about this side, without noise.
CONTRAST_QUANTILES = np.array([0.002, 0.998])
CONTRAST_SIDE_PX = 128

# Ends to try on a file that is cut short. They differ from the first byte, and a picture whose pixels are all there
# decodes the same with each. In a JPEG the first ends at once, and the second has more to decode, also after whichever
# restart marker comes next (ITU T.81, B.1).
_MORE = b"\x55\xaa" * 512
_RESTARTS = b"".join(bytes([0xFF, marker]) + _MORE for marker in range(0xD0, 0xD8))
ENDS = (b"\xff\xd9" + bytes(2**16), _MORE + 2 * _RESTARTS + b"\xff\xd9" + _MORE * 2**6)

# Of pictures with more pixels, a process decodes one at a time, so that its memory is bounded.
LARGE = 1_000_000
_one_large_at_a_time = threading.Lock()


def decode(data: bytes, max_pixels: int, max_frames: int) -> NDArray[np.uint8]:
    """Decode a picture file, its first frame, to grayscale uint8 (height, width), upright.

    Raises:
        EmptyImage: there are no bytes.
        UnreadableImage: the bytes are not of one of `FORMATS`, or are damaged.
        TooLarge: the picture has more pixels, or the file more frames, than allowed.

    """
    if not data:
        raise EmptyImage("The file is empty.")
    if (gray := gray_png.decode(data, min(max_pixels, SIDE * SIDE))) is not None:
        return gray
    try:
        return _decode(data, max_pixels, max_frames)
    except UnreadableImage:
        if (gray := _decode_without_end(data, max_pixels, max_frames)) is None:
            raise
        return gray


def _decode_without_end(data: bytes, max_pixels: int, max_frames: int) -> NDArray[np.uint8] | None:
    """Decode a file that is cut short after all that its picture needs, or return None where pixels are missing."""
    with suppress(ServiceError):
        one, other = (_decode(data + end, max_pixels, max_frames) for end in ENDS)
        return one if np.array_equal(one, other) else None
    return None


def _decode(data: bytes, max_pixels: int, max_frames: int) -> NDArray[np.uint8]:
    gray = _decode_mode(data, "L", max_pixels, max_frames)
    if (contrast := _contrast(Image.fromarray(gray))) < FAINT_LEVELS and _is_color(data):
        channel = _decode_mode(data, "RGB", max_pixels, max_frames)
        if _contrast(Image.fromarray(channel)) >= max(FAINT_LEVELS, CHANNEL_TO_LIGHTNESS_RATIO * contrast):
            return channel
    return gray


def _is_color(data: bytes) -> bool:
    with _open(data) as image:
        return len(image.getbands()) > 2 or image.mode == "P"


def _decode_mode(data: bytes, mode: str, max_pixels: int, max_frames: int) -> NDArray[np.uint8]:
    """Decode the lightness of a picture where the mode is L, and its color channel of most contrast where it is RGB."""
    with _open(data) as image:
        try:
            _check_limits(image, data, max_pixels, max_frames)
            image.draft(mode, (SIDE, SIDE))
            with _one_large_at_a_time if image.width * image.height > LARGE else nullcontext():
                _turn_upright(image)
                picture = _grayscale(image) if mode == "L" else _channel(image)
                image.close()
            return picture
        except ServiceError:
            raise
        # Pillow's decoders raise nearly anything for damaged files: OSError, SyntaxError, struct.error, ...
        except Exception as error:
            raise UnreadableImage(f"The {image.format} file is damaged or cut short.") from error


def reduction(data: bytes, image: NDArray[np.uint8]) -> float:
    """Return how many pixels of an upright picture file are in one of the image that was decoded of it, 1 or more."""
    if min(image.shape) < SIDE:
        return 1.0
    with _open_cut(data) as picture:
        is_turned = picture.getexif().get(ExifTags.Base.Orientation, 1) in SIDEWAYS
        width = picture.height if is_turned else picture.width
    return float(width / image.shape[1])


def _open_cut(data: bytes) -> Image.Image:
    """Open a picture file that may be cut short at its end."""
    try:
        return _open(data)
    except UnreadableImage:
        return _open(data + ENDS[0])


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(png_chunks.without_metadata(data)), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise TooLarge("The picture has hundreds of millions of pixels: send it smaller.") from error
    except Exception as error:
        heif.check_readable(data)
        known = ", ".join(FORMATS)
        raise UnreadableImage(f"This is not a picture in a format that is read ({known}).") from error


def _check_limits(image: Image.Image, data: bytes, max_pixels: int, max_frames: int) -> None:
    if max(image.size) > MAX_SIDE_PX:
        raise TooLarge(f"The picture has {image.width}x{image.height} pixels; a side has at most {MAX_SIDE_PX}.")
    limit = 4 * max_pixels if _takes_little_memory(image, data) else max_pixels
    if image.width * image.height > limit:
        raise TooLarge(
            f"The picture has {image.width}x{image.height} pixels; at most {limit} are read: "
            f"send it smaller, such as {_fitting_size(image.width, image.height, limit)}."
        )
    if image.format in ("AVIF", "HEIF"):
        heif.check_coded_size(data, image.format, max_pixels)
    if _has_more_frames(image, data, max_frames):
        raise TooLarge(f"The file has more than {max_frames} frames.")


def _fitting_size(width: int, height: int, max_pixels: int) -> str:
    """Say to what size a picture is to be brought for at most `max_pixels` pixels."""
    scale = (max_pixels / (width * height)) ** 0.5
    return f"{max(1, int(width * scale))}x{max(1, int(height * scale))}"


def _takes_little_memory(image: Image.Image, data: bytes) -> bool:
    """Tell whether a picture is a JPEG of a single scan, which is decoded at half its scale or less if it is large."""
    if image.format not in ("JPEG", "MPO") or "progressive" in image.info:
        return False
    if min(image.size) < 2 * SIDE and image.width * image.height > LARGE:  # too narrow: it is decoded whole
        return False
    position = 2
    with suppress(IndexError):
        while (marker := data[position + 1]) != 0xDA:  # the first scan's (ITU T.81, B.1)
            position += 1 if marker == 0xFF else 2 + int.from_bytes(data[position + 2 : position + 4])
        return data[position + 4] == len(image.getbands())
    return False


def _has_more_frames(image: Image.Image, data: bytes, limit: int) -> bool:
    # Asked for n_frames, Pillow walks a whole GIF or TIFF, which for a hostile one takes minutes.
    if image.format == "GIF":
        return _gif_has_more_frames(data, limit)
    if image.format == "TIFF":
        return _tiff_has_more_frames(data, limit)
    return getattr(image, "n_frames", 1) > limit


def _tiff_has_more_frames(data: bytes, limit: int) -> bool:
    with _open(data) as image:
        try:
            image.seek(limit)
        except EOFError:
            return False
    return True


def _gif_has_more_frames(data: bytes, limit: int) -> bool:
    """Walk the blocks of a GIF without decoding them (GIF89a specification, appendix B)."""
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


def _turn_upright(image: Image.Image) -> None:
    image.load()  # a damaged picture shows here, outside of what is suppressed
    with suppress(Exception):  # EXIF that can't be read is no reason to refuse pixels that can
        ImageOps.exif_transpose(image, in_place=True)


def _grayscale(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16"):
        return np.asarray(_reduce(Image.fromarray(_reduce_16_bits(np.asarray(image)))))
    if image.mode in ("I", "F"):
        return _reduce_32_bits(np.asarray(_reduce(image)))
    if image.has_transparency_data:
        return _flatten(image)
    if image.mode == "LAB":  # CIELab, whose L is the lightness
        return np.asarray(_reduce(image.getchannel("L")))
    return np.asarray(_reduce(image if image.mode == "L" else image.convert("L")))


def _channel(image: Image.Image) -> NDArray[np.uint8]:
    """Return the color channel of most contrast, uint8 (height, width); on transparency, the lightness."""
    if image.has_transparency_data:
        return _flatten(image)
    color = _reduce(image if image.mode in ("LAB", "RGB") else image.convert("RGB"))
    return np.asarray(max(color.split(), key=_contrast))


def _contrast(gray: Image.Image) -> float:
    """Return by how many levels of 255 the dark and the light parts of a grayscale picture differ."""
    small = gray.reduce(max(1, min(gray.size) // CONTRAST_SIDE_PX))
    levels = np.cumsum(small.histogram())
    dark, light = np.searchsorted(levels, CONTRAST_QUANTILES * levels[-1])
    return float(light - dark)


def _reduce_16_bits(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Bring 16-bit values to uint8 by the full scale of their source: 8 and 12-bit ones are stored as they are, too."""
    bits = int(values.max()).bit_length()
    return (values >> (0 if bits <= 8 else 4 if bits <= 12 else 8)).astype(np.uint8)


def _reduce_32_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Bring 32-bit values, which have no full scale of their own, to uint8 by their largest."""
    # In place: a narrow picture of 12 megapixels, which is not reduced, takes 100 MB as float64.
    finite = np.nan_to_num(values.astype(np.float64), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    finite -= min(finite.min(), 0)
    finite *= 255 / (finite.max() or 1)
    return np.rint(finite, out=finite).astype(np.uint8)


def _reduce(image: Image.Image) -> Image.Image:
    factor = min(image.size) // SIDE
    return image.reduce(factor) if factor > 1 else image


def _flatten(image: Image.Image) -> NDArray[np.uint8]:
    if "A" not in image.getbands():
        image = image.convert("RGBA")
    alpha, gray = _reduce(image.getchannel("A")), _reduce(image.convert("L"))
    return np.asarray(Image.composite(gray, Image.new("L", gray.size, _paper(gray, alpha)), alpha))


def _paper(gray: Image.Image, alpha: Image.Image) -> int:
    """Choose what to lay a picture on where it is transparent."""
    levels = np.cumsum(gray.histogram(alpha))  # of the pixels that are not wholly transparent
    dark, median, light = np.searchsorted(levels, np.array([0.05, 0.5, 0.95]) * levels[-1])
    if levels[-1] > gray.width * gray.height / 2 and light - dark > PAPER_AND_INK:
        return int(median)  # it has paper of its own, and is transparent around it
    return 0 if median > 127 else 255  # it is ink alone: light ink shows on black
