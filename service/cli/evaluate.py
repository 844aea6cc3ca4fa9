"""How well labelled images are read: the labels of files, and the score of the answers, as text or JSON."""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from service.cli import batch_predict, output
from service.cli.batch_predict import Outcome
from service.errors import ServiceError, UnreadableFile, WrongLabels
from service.inference.schemas import ModelName, Prediction

TABLES = ("index.csv", "index.tsv", "labels.csv", "labels.tsv")
COLUMNS = ("file", "digit")
DIGITS = tuple("0123456789")

# A file is named by its digit where neither a letter nor a digit follows: 7.png, 7_x.png, 7-x.jpg, 7 (2).png.
NAMED_BY_DIGIT = re.compile(r"([0-9])(?![^\W_])")

LEFT_OUT = {
    "unlabelled": "no label",
    "ambiguous": "in folders of several digits",
    "no_image": "not an image by its suffix",
}

BINS = 15  # of the expected calibration error, as in reports of training
SHOWN_CONFUSIONS = 10
SHOWN_NAMES = 3


@dataclass(frozen=True)
class LabelledImage:
    """An image file, its name relative to the folder of all, and the digit that it is said to show."""

    path: str
    name: str
    label: int

    @property
    def group(self) -> str:
        """The top-level folder that the file is in; `.` is that of all."""
        group, separator, _ = self.name.partition(os.sep)
        return group if separator else "."


@dataclass(frozen=True)
class Labels:
    """Labelled images, and the names of the files that are left out, by the reason, one of `LEFT_OUT`."""

    images: list[LabelledImage]
    left_out: dict[str, list[str]]


@dataclass(frozen=True)
class Reading:
    """A labelled image, and what was seen in it."""

    image: LabelledImage
    outcome: Outcome

    @property
    def opened(self) -> bool:
        """Whether there was a file; what was not read says nothing of the model."""
        return not isinstance(self.outcome, UnreadableFile)

    @property
    def refused(self) -> bool:
        """Whether there is no answer."""
        return isinstance(self.outcome, ServiceError)

    @property
    def right(self) -> bool:
        """Whether the answer is the label."""
        return isinstance(self.outcome, Prediction) and self.outcome.digit == self.image.label

    @property
    def uncertain(self) -> bool:
        """Whether the answer is uncertain, right or wrong."""
        return isinstance(self.outcome, Prediction) and self.outcome.uncertain

    @property
    def wrong_though_sure(self) -> bool:
        """Whether the answer is wrong, and not uncertain."""
        return not (self.right or self.refused or self.uncertain)


class Score(msgspec.Struct, frozen=True):
    """How many images were read, and how; refused ones count as not right."""

    images: int
    right: int
    accuracy: float
    uncertain: int
    refused: int
    wrong_though_sure: int


class Confusion(msgspec.Struct, frozen=True):
    """How often a label was answered by another digit."""

    label: int
    answer: int
    count: int


class Calibration(msgspec.Struct, frozen=True):
    """How well the confidence tells the accuracy of the answers."""

    answers: int
    mean_confidence: float
    accuracy: float
    expected_calibration_error: float


class Unopened(msgspec.Struct, frozen=True):
    """A file that couldn't be opened, and why."""

    file: str
    error: str


class Report(msgspec.Struct, frozen=True):
    """What `python -m service evaluate` tells."""

    model: ModelName | None  # none where no image was answered
    whole: Score
    groups: dict[str, Score]  # none where there is only one
    confusions: list[Confusion]  # the most frequent first
    calibration: Calibration | None
    left_out: dict[str, list[str]]
    unopened: list[Unopened]

    @property
    def scores(self) -> list[tuple[str, Score]]:
        """The scores as a table has them, the whole last; a folder may be named `all`, too."""
        return [*self.groups.items(), ("all", self.whole)]


def load(source: str) -> Labels:
    """Load the labels of the images in a folder, or of those that a CSV or TSV file lists.

    Raises:
        UnreadableFile: there is no such folder or file, or it can't be read.
        WrongLabels: there are no labels, or wrong ones.

    """
    if not os.path.exists(source):
        raise UnreadableFile(f"There is no folder or file {output.title(source)}.")
    labels = _load_folder(source) if os.path.isdir(source) else Labels(_read_table(source), {})
    if not labels.images:
        raise WrongLabels(_absence(source, labels))
    return labels


def _absence(source: str, labels: Labels) -> str:
    notes = "".join(f" {note}" for note in _list_left_out(labels.left_out))
    return (
        f"No image in {output.title(source)} has a label. A label is a folder 0 to 9, a name such as 7_x.png, or a "
        f"row of labels.csv with the columns file and digit.{notes}"
    )


def _load_folder(folder: str) -> Labels:
    tables = [name for name in TABLES if os.path.isfile(os.path.join(folder, name))]
    if len(tables) > 1:
        names = " and ".join(tables)
        raise WrongLabels(f"{output.title(folder)} has {names}: name the one that counts, in place of the folder.")
    return _by_table(folder, os.path.join(folder, tables[0])) if tables else _by_names(folder)


def _by_table(folder: str, table: str) -> Labels:
    images = _read_table(table)
    listed = {os.path.normpath(image.path) for image in images}
    # A folder is itself among the files where it has none: a table may list those of another.
    paths = [path for path in batch_predict.find([folder]) if not os.path.isdir(path)]
    unlisted = [_name(path, folder) for path in paths if os.path.normpath(path) not in listed]
    return Labels(images, {"unlabelled": unlisted} if unlisted else {})


def _by_names(folder: str) -> Labels:
    images: list[LabelledImage] = []
    left_out: dict[str, list[str]] = {}
    paths = _find(folder)
    for path in paths:
        name, digits = _name(path, folder), _digits(path, folder)
        if len(digits) == 1:
            images.append(LabelledImage(path, name, *digits))
        else:
            left_out.setdefault("ambiguous" if digits else "unlabelled", []).append(name)
    if strangers := _find_strangers(folder, set(paths)):
        left_out["no_image"] = strangers
    return Labels(images, left_out)


def _find_strangers(folder: str, images: set[str]) -> list[str]:
    """Find the labelled files that aren't images by their suffix; others, such as a README, are nobody's loss."""
    return sorted(_name(path, folder) for path in _walk(folder) if path not in images and _digits(path, folder))


def _find(folder: str) -> list[str]:
    """Find the image files in a folder as `predict` does.

    Raises:
        UnreadableFile: there are none, or a folder in it can't be opened.

    """
    paths = batch_predict.find([folder])
    for path in filter(os.path.isdir, paths):
        raise UnreadableFile(f"There is no image in {output.title(path)}, or it can't be opened.")
    return paths


def _walk(folder: str) -> Iterator[str]:
    """Walk through all files that aren't hidden."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(parent, name) for name in names if not name.startswith("."))


def _name(path: str, folder: str) -> str:
    return output.as_unicode(os.path.relpath(path, folder))


def _digits(path: str, folder: str) -> set[int]:
    """Collect the digits that a file's folders are named by; or else the folder of all; or else the file itself."""
    *folders, file = os.path.relpath(path, folder).split(os.sep)
    for names in (folders, [os.path.basename(os.path.abspath(folder))]):
        if digits := {int(name) for name in names if name in DIGITS}:
            return digits
    match = NAMED_BY_DIGIT.match(file)
    return {int(match[1])} if match else set()


def _read_table(table: str) -> list[LabelledImage]:
    if not table.lower().endswith((".csv", ".tsv")):
        raise WrongLabels(f"{output.title(table)} is neither a folder nor a table of labels, .csv or .tsv.")
    try:
        # Names of files are any bytes; spreadsheets write a byte order mark.
        with open(table, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            return _parse_table(file, table)
    except OSError as error:
        raise UnreadableFile(f"{output.title(table)} can't be read: {(error.strerror or '').lower()}.") from error
    except csv.Error as error:
        raise WrongLabels(f"{output.title(table)} is not a table: {error}.") from error


def _parse_table(lines: Iterable[str], table: str) -> list[LabelledImage]:
    reader = csv.reader(lines, delimiter="\t" if table.lower().endswith(".tsv") else ",")
    places = _find_columns(next(reader, []), table)
    cells = [(reader.line_num, *_take(row, places)) for row in reader if row]
    _check_cells(cells, table)
    folder = os.path.dirname(table) or os.curdir
    paths = [os.path.join(folder, name) for _, name, _ in cells]
    digits = [int(digit) for _, _, digit in cells]
    return [LabelledImage(path, _name(path, folder), digit) for path, digit in zip(paths, digits, strict=True)]


def _find_columns(header: Sequence[str], table: str) -> list[int]:
    titles = [title.strip().lower() for title in header]
    if missing := [column for column in COLUMNS if column not in titles]:
        absent = " and ".join(missing)
        raise WrongLabels(f"{output.title(table)} has no column {absent}: its first line names file and digit.")
    return [titles.index(column) for column in COLUMNS]


def _take(row: Sequence[str], places: Iterable[int]) -> tuple[str, str]:
    file, digit = (row[place].strip() if place < len(row) else "" for place in places)
    return file, digit


def _check_cells(cells: Sequence[tuple[int, str, str]], table: str) -> None:
    title = output.title(table)
    for line, name, _ in cells:
        if not name or "\0" in name:
            raise WrongLabels(f"{title} names no file in line {line}.")
    if wrong := [(line, digit) for line, _, digit in cells if digit not in DIGITS]:
        line, digit = wrong[0]
        raise WrongLabels(
            f"{title} has {len(wrong)} of {len(cells)} labels that are not a digit from 0 to 9, the first {digit!r} in "
            f"line {line}."
        )
    for name, count in Counter(os.path.normpath(name) for _, name, _ in cells).most_common(1):
        if count > 1:
            raise WrongLabels(f"{title} names {output.title(name)} {count} times.")


def read(labels: Labels, outcomes: Iterable[Outcome]) -> list[Reading]:
    """Return the labelled images with what was seen in each."""
    return [Reading(image, outcome) for image, outcome in zip(labels.images, outcomes, strict=True)]


def summarize(labels: Labels, readings: Sequence[Reading]) -> Report:
    """Return the scores of readings. Files that couldn't be opened are told, and don't count.

    Raises:
        UnreadableFile: none could be opened.

    """
    opened = [item for item in readings if item.opened]
    unopened = [Unopened(item.image.name, str(item.outcome)) for item in readings if not item.opened]
    if not opened:
        raise UnreadableFile(" ".join(["No file could be opened.", *_list_unopened(unopened)]))
    return Report(
        model=next((item.outcome.model for item in opened if isinstance(item.outcome, Prediction)), None),
        whole=_score(opened),
        groups=_score_groups(opened),
        confusions=_confusions(opened),
        calibration=_calibration(opened),
        left_out=labels.left_out,
        unopened=unopened,
    )


def _score(readings: Sequence[Reading]) -> Score:
    right = sum(reading.right for reading in readings)
    return Score(
        images=len(readings),
        right=right,
        accuracy=right / len(readings),
        uncertain=sum(reading.uncertain for reading in readings),
        refused=sum(reading.refused for reading in readings),
        wrong_though_sure=sum(reading.wrong_though_sure for reading in readings),
    )


def _score_groups(readings: Sequence[Reading]) -> dict[str, Score]:
    groups: dict[str, list[Reading]] = {}
    for reading in readings:
        groups.setdefault(reading.image.group, []).append(reading)
    return {group: _score(members) for group, members in groups.items()} if len(groups) > 1 else {}


def _confusions(readings: Sequence[Reading]) -> list[Confusion]:
    counts = Counter(
        (reading.image.label, reading.outcome.digit)
        for reading in readings
        if isinstance(reading.outcome, Prediction) and not reading.right
    )
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(label, answer, count) for (label, answer), count in order]


def _calibration(readings: Sequence[Reading]) -> Calibration | None:
    answers = [(item.outcome.confidence, item.right) for item in readings if isinstance(item.outcome, Prediction)]
    if not answers:
        return None
    confidences = np.array([confidence for confidence, _ in answers], np.float32)
    right = np.array([right for _, right in answers], np.float64)
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    # Guo et al. 2017: the mean distance of confidence from accuracy, over bins of equal width.
    distances = np.abs(np.bincount(bins, confidences - right))
    return Calibration(
        len(answers), float(confidences.mean(dtype=float)), float(right.mean()), float(distances.sum() / len(answers))
    )


def as_text(report: Report) -> str:
    """Return a report as lines for people."""
    parts = [_table(report.scores), _list_confusions(report.confusions), notes(report)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _table(scores: Sequence[tuple[str, Score]]) -> list[str]:
    width = max(len(group) for group in ("folder", *(group for group, _ in scores)))
    header = f"{'folder':{width}}  images    right  uncertain  refused  wrong though sure"
    return [header, *(f"{output.printable(group):{width}}  {_cells(score)}" for group, score in scores)]


def _cells(score: Score) -> str:
    uncertain = score.uncertain / score.images
    return f"{score.images:6}  {score.accuracy:7.2%}  {uncertain:9.2%}  {score.refused:7}  {score.wrong_though_sure:17}"


def _list_confusions(confusions: Sequence[Confusion]) -> list[str]:
    if not confusions:
        return []
    lines = [f"{item.label:5} -> {item.answer:6}  {item.count:5}" for item in confusions[:SHOWN_CONFUSIONS]]
    rest = len(confusions) - SHOWN_CONFUSIONS
    return ["label -> answer  count", *lines, *([f"and {rest} other pair{'s' * (rest > 1)}"] if rest > 0 else [])]


def notes(report: Report) -> list[str]:
    """Return sentences on the calibration, and on the files that don't count."""
    return [_describe(report), *_list_left_out(report.left_out), *_list_unopened(report.unopened)]


def _describe(report: Report) -> str:
    if report.calibration is None:
        return "No image was answered."
    model = f" of {report.model.name}, version {report.model.version}" if report.model else ""
    numbers = report.calibration
    return (
        f"Answers{model}: {numbers.answers}, with a mean confidence of {numbers.mean_confidence:.2%}, an accuracy of "
        f"{numbers.accuracy:.2%} and an expected calibration error of {numbers.expected_calibration_error:.2%}."
    )


def _list_left_out(left_out: dict[str, list[str]]) -> list[str]:
    return [f"Left out, {LEFT_OUT[reason]}: {_some(names)}." for reason, names in left_out.items()]


def _list_unopened(unopened: Sequence[Unopened]) -> list[str]:
    if not unopened:
        return []
    names = _some([item.file for item in unopened])
    return [f"Not opened, and not counted: {names}. The first: {unopened[0].error}"]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(output.printable, names[:SHOWN_NAMES]))
    rest = len(names) - SHOWN_NAMES
    return f"{len(names)} file{'s' * (len(names) != 1)} ({shown}{f' and {rest} more' if rest > 0 else ''})"
