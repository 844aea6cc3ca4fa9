"""Finds image files in folders, and loads them."""

import os
import re
from collections.abc import Iterable, Iterator
from functools import cache

from PIL import Image

from service.errors import TooLarge, UnreadableFile, os_reason
from service.preparation import decode

STANDARD_INPUT = "-"


def find_images(paths: Iterable[str]) -> list[str]:
    """Replace each folder by the image files in it and below it, 2.png before 10.png. Other paths stay unchanged.

    A file in a folder is an image by its suffix. Hidden files are skipped, and linked folders are not entered. A folder
    that holds no image, or that can't be opened, stays in the list: `load_file` raises the error.
    """
    return [file for path in paths for file in (_images_below(path) or [path] if os.path.isdir(path) else [path])]


def find_other_files(paths: Iterable[str]) -> list[str]:
    """Return the files in folders, and below them, that `find_images` leaves out. Hidden files are skipped."""
    return [file for path in paths if os.path.isdir(path) for file, is_image in _walk(path) if not is_image]


def load_file(path: str, max_bytes: int) -> bytes:
    """Load an image file, or standard input where the path is `-`.

    Raises:
        UnreadableFile: the file is missing, can't be read, or is a folder.
        TooLarge: the file has more than `max_bytes` bytes; the rest is not read.

    """
    try:
        if os.path.isdir(path):
            os.scandir(path).close()  # raises the error of a folder that can't be opened
            raise UnreadableFile("There is no image in this folder.")
        with open(0 if path == STANDARD_INPUT else path, "rb", closefd=path != STANDARD_INPUT) as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableFile(f"This can't be read: {os_reason(error)}.") from error
    if len(data) > max_bytes:
        raise TooLarge(f"The file is too large: at most {max_bytes} bytes are read.")
    return data


def _images_below(folder: str) -> list[str]:
    return [file for file, is_image in _walk(folder) if is_image]


def _walk(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield each file in a folder and below it, and whether it is an image."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=_natural_order)
    except OSError:
        yield folder, True  # `load_file` raises the error
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        else:
            yield entry.path, _is_image(entry)


def _is_image(entry: os.DirEntry[str]) -> bool:
    # A broken link is worth an error. Opening a named pipe would block for ever.
    return entry.name.lower().endswith(_suffixes()) and (entry.is_file() or entry.is_symlink())


def _natural_order(entry: os.DirEntry[str]) -> tuple[list[int | str], str]:
    parts = re.split(r"(\d+)", entry.name)
    return [int(part) if part.isdecimal() else part for part in parts], entry.name


@cache
def _suffixes() -> tuple[str, ...]:
    return tuple(suffix for suffix, kind in Image.registered_extensions().items() if kind in decode.FORMATS)
