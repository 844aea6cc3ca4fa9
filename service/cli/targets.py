"""Where the drawings of pictures are written: a folder in which none replaces another, or a picture."""

import os
from collections.abc import Iterator, Sequence
from itertools import count

from service.cli import output
from service.cli.batch_predict import STANDARD_INPUT
from service.errors import UnwritableDrawing

STANDARD_INPUT_STEM = "stdin"


def plan(paths: Sequence[str], folder: str) -> list[str]:
    """Return the file that each picture is to be drawn to, in a folder that is created.

    Folders below the one that holds all pictures are kept. Pictures of one name, such as 7.png and 7.jpg, are numbered.

    Raises:
        UnwritableDrawing: the folder can't be written to, or a drawing would replace a picture.

    """
    targets = [os.path.join(folder, name) for name in _names(paths)]
    _check_apart(targets, paths)
    _open_folder(folder)
    return targets


def _names(paths: Sequence[str]) -> list[str]:
    names: dict[str, None] = {}  # a set that keeps its order
    for stem in _stems(paths):
        names[next(name for name in _numbered(stem) if name not in names)] = None
    return list(names)


def _stems(paths: Sequence[str]) -> list[str]:
    """Return the paths of pictures without suffix, as seen from the folder that holds all."""
    absolute = [None if path == STANDARD_INPUT else os.path.abspath(path) for path in paths]
    folders = [os.path.dirname(path) for path in absolute if path]
    common = os.path.commonpath(folders) if folders else ""
    return [os.path.splitext(os.path.relpath(path, common))[0] if path else STANDARD_INPUT_STEM for path in absolute]


def _numbered(stem: str) -> Iterator[str]:
    yield f"{stem}.png"
    for number in count(2):
        yield f"{stem}-{number}.png"


def _check_apart(targets: Sequence[str], paths: Sequence[str]) -> None:
    pictures = set(map(os.path.realpath, paths))
    for target in targets:
        if os.path.realpath(target) in pictures:
            raise UnwritableDrawing(f"The drawing {output.title(target)} would replace a picture: name another folder.")


def _open_folder(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UnwritableDrawing.at(output.title(folder), error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UnwritableDrawing(f"Nothing can be drawn to {output.title(folder)}: it can't be written to.")
