"""The files that drawings are written to. No drawing replaces another drawing or an image."""

import os
from collections.abc import Iterator, Sequence
from itertools import count

from service.batch.image_files import STANDARD_INPUT
from service.batch.names import title
from service.errors import UnwritableDrawing

STANDARD_INPUT_STEM = "stdin"


def plan_targets(paths: Sequence[str], folder: str) -> list[str]:
    """Return the path of the drawing of each image, and create the folder of the drawings.

    Folders below the common folder of all images are kept. Images of the same name, such as 7.png and 7.jpg, are
    numbered.

    Raises:
        UnwritableDrawing: the folder can't be written to, or a drawing would replace an image.

    """
    targets = [os.path.join(folder, name) for name in _unique_names(paths)]
    _check_overwrites(targets, paths)
    _create_folder(folder)
    return targets


def _unique_names(paths: Sequence[str]) -> list[str]:
    names: dict[str, None] = {}  # an ordered set
    for stem in _stems(paths):
        names[next(name for name in _candidate_names(stem) if name not in names)] = None
    return list(names)


def _stems(paths: Sequence[str]) -> list[str]:
    """Return the paths of images without suffix, relative to their common folder."""
    absolute = [None if path == STANDARD_INPUT else os.path.abspath(path) for path in paths]
    folders = [os.path.dirname(path) for path in absolute if path]
    common = os.path.commonpath(folders) if folders else ""
    return [os.path.splitext(os.path.relpath(path, common))[0] if path else STANDARD_INPUT_STEM for path in absolute]


def _candidate_names(stem: str) -> Iterator[str]:
    yield f"{stem}.png"
    for number in count(2):
        yield f"{stem}-{number}.png"


def _check_overwrites(targets: Sequence[str], paths: Sequence[str]) -> None:
    images = set(map(os.path.realpath, paths))
    for target in targets:
        if os.path.realpath(target) in images:
            raise UnwritableDrawing(f"The drawing {title(target)} would replace an image: name another folder.")


def _create_folder(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UnwritableDrawing.at(title(folder), error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UnwritableDrawing(f"Nothing can be drawn to {title(folder)}: it can't be written to.")
