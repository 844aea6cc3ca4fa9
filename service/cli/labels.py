"""The labels of image files: from the names of their folders, from their own names, or from a table."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.batch import image_files
from service.batch.names import as_unicode, printable, title
from service.cli import label_table
from service.cli.label_table import DIGITS
from service.errors import UnreadableFile, WrongLabels

TABLES = ("index.csv", "index.tsv", "labels.csv", "labels.tsv")

# A file name is a label where no letter or digit follows its first digit: 7.png, 7_x.png, 7-x.jpg, 7 (2).png.
LABEL_IN_NAME = re.compile(r"([0-9])(?![^\W_])")

LEFT_OUT = {
    "unlabelled": "no label",
    "ambiguous": "in folders of several digits",
    "no_image": "not an image by its suffix",
}
MAX_NAMES = 3  # in a sentence


@dataclass(frozen=True)
class LabelledImage:
    """The path of an image file, its name relative to the evaluated folder, and the digit it is labelled with."""

    path: str
    name: str
    label: int

    @property
    def group(self) -> str:
        """The top-level folder of the file; `.` for a file in the evaluated folder itself."""
        group, separator, _ = self.name.partition(os.sep)
        return group if separator else "."


@dataclass(frozen=True)
class Labels:
    """Labelled images, and the names of the files that are left out, by reason: a key of `LEFT_OUT`."""

    images: list[LabelledImage]
    left_out: dict[str, list[str]]


def load_labels(source: str) -> Labels:
    """Load the labels of the images in a folder, or of the images that a CSV or TSV file lists.

    Raises:
        UnreadableFile: the folder or file is missing, or can't be read.
        WrongLabels: there are no labels, or they are wrong.

    """
    if not os.path.exists(source):
        raise UnreadableFile(f"There is no folder or file {title(source)}.")
    labels = _load_folder(source) if os.path.isdir(source) else Labels(_load_table(source), {})
    if not labels.images:
        raise WrongLabels(_describe_absence(source, labels))
    return labels


def describe_left_out(left_out: dict[str, list[str]]) -> list[str]:
    """Return a sentence for each reason why files are left out."""
    return [f"Left out, {LEFT_OUT[reason]}: {list_names(names)}." for reason, names in left_out.items()]


def list_names(names: Sequence[str]) -> str:
    """Return the number of files and the first of their names."""
    first = ", ".join(map(printable, names[:MAX_NAMES]))
    rest = len(names) - MAX_NAMES
    return f"{len(names)} file{'s' * (len(names) != 1)} ({first}{f' and {rest} more' if rest > 0 else ''})"


def _describe_absence(source: str, labels: Labels) -> str:
    notes = "".join(f" {note}" for note in describe_left_out(labels.left_out))
    return (
        f"No image in {title(source)} has a label. A label is a folder 0 to 9, a name such as 7_x.png, or a "
        f"row of labels.csv with the columns file and digit.{notes}"
    )


def _load_folder(folder: str) -> Labels:
    tables = [name for name in TABLES if os.path.isfile(os.path.join(folder, name))]
    if len(tables) > 1:
        raise WrongLabels(
            f"{title(folder)} has {' and '.join(tables)}: name the one that counts, in place of the folder."
        )
    return _label_by_table(folder, os.path.join(folder, tables[0])) if tables else _label_by_names(folder)


def _label_by_table(folder: str, table: str) -> Labels:
    images = _load_table(table)
    listed = {os.path.normpath(image.path) for image in images}
    paths = [path for path, is_image in image_files.walk(folder) if is_image and not os.path.isdir(path)]
    unlisted = [_relative_name(path, folder) for path in paths if os.path.normpath(path) not in listed]
    return Labels(images, {"unlabelled": unlisted} if unlisted else {})


def _label_by_names(folder: str) -> Labels:
    images: list[LabelledImage] = []
    left_out: dict[str, list[str]] = {}
    paths = _find_images(folder)
    for path in paths:
        name, digits = _relative_name(path, folder), _find_digits(path, folder)
        if len(digits) == 1:
            images.append(LabelledImage(path, name, *digits))
        else:
            left_out.setdefault("ambiguous" if digits else "unlabelled", []).append(name)
    if others := _find_labelled_others(folder, set(paths)):
        left_out["no_image"] = others
    return Labels(images, left_out)


def _find_images(folder: str) -> list[str]:
    """Find the image files in a folder as `predict` does.

    Raises:
        UnreadableFile: there are no images, or a folder below can't be opened.

    """
    paths = [path for path, is_image in image_files.walk(folder) if is_image] or [folder]
    for path in filter(os.path.isdir, paths):
        raise UnreadableFile(f"There is no image in {title(path)}, or it can't be opened.")
    return paths


def _find_labelled_others(folder: str, images: set[str]) -> list[str]:
    """Find the labelled files that aren't images by their suffix. Other files, such as a README, don't matter."""
    files = (path for path in _walk(folder) if path not in images)
    return sorted(_relative_name(path, folder) for path in files if _find_digits(path, folder))


def _walk(folder: str) -> Iterator[str]:
    """Yield the paths of all files that aren't hidden."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(parent, name) for name in names if not name.startswith("."))


def _relative_name(path: str, folder: str) -> str:
    return as_unicode(os.path.relpath(path, folder))


def _find_digits(path: str, folder: str) -> set[int]:
    """Find the digits in the names of a file's folders below `folder`; else of `folder`; else of the file itself."""
    *folders, file = os.path.relpath(path, folder).split(os.sep)
    for names in (folders, [os.path.basename(os.path.abspath(folder))]):
        if digits := {int(name) for name in names if name in DIGITS}:
            return digits
    match = LABEL_IN_NAME.match(file)
    return {int(match[1])} if match else set()


def _load_table(table: str) -> list[LabelledImage]:
    folder = os.path.dirname(table) or os.curdir
    paths = [(os.path.join(folder, name), digit) for name, digit in label_table.read_table(table)]
    return [LabelledImage(path, _relative_name(path, folder), digit) for path, digit in paths]
