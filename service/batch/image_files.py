"""Finds image files in folders, and loads them."""

import os
import re
from collections.abc import Iterator
from functools import cache

from PIL import Image

from service.errors import TooLarge, UnreadableFile, os_reason
from service.preparation import decode

STANDARD_INPUT = "-"

_NUMBER = re.compile(r"\d+")


def walk(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield each file in a folder and below it, and whether it is an image by its suffix; 2.png before 10.png.

    Hidden files are skipped, and linked folders are not entered. A folder that can't be opened is yielded as an image:
    `load_file` raises its error.
    """
    try:
        names, folders, others = _scan(folder)
    except OSError:
        yield folder, True
        return
    for name in names:
        path = os.path.join(folder, name)
        if name in folders:
            yield from walk(path)
        else:
            yield path, name not in others


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


def is_image(name: str) -> bool:
    """Return whether a name has the suffix of an image."""
    return name.lower().endswith(_suffixes())


def natural_order(name: str) -> str:
    """Return the key that sorts 2.png before 10.png. Two names may have one key: sort by the names before.

    A number is written as its number of digits and its digits, between zeros, which no name holds. Such a key takes 70
    bytes, a list of texts and numbers 233, and twice the time.
    """
    return _NUMBER.sub(lambda match: f"\0{chr(len(number := str(int(match[0]))))}{number}\0", name)


def sort_naturally(names: list[str]) -> None:
    """Sort names in place, 2.png before 10.png."""
    names.sort()
    names.sort(key=natural_order)


def _scan(folder: str) -> tuple[list[str], set[str], set[str]]:
    """Return the sorted names in a folder, and those among them that are folders, and other files than images.

    An entry takes 219 bytes, its name 67: a folder may have millions of files.
    """
    names: list[str] = []
    folders: set[str] = set()
    others: set[str] = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            names.append(entry.name)
            if entry.is_dir(follow_symlinks=False):
                folders.add(entry.name)
            elif not _is_image_file(entry):
                others.add(entry.name)
    sort_naturally(names)
    return names, folders, others


def _is_image_file(entry: os.DirEntry[str]) -> bool:
    # A broken link is worth an error. Opening a named pipe would block for ever.
    return is_image(entry.name) and (entry.is_file() or entry.is_symlink())


@cache
def _suffixes() -> tuple[str, ...]:
    return tuple(suffix for suffix, kind in Image.registered_extensions().items() if kind in decode.FORMATS)
