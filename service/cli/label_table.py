"""Tables of labels: CSV or TSV files with the columns file and digit."""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence

from service.batch import names
from service.errors import UnreadableFile, WrongLabels, os_reason

COLUMNS = ("file", "digit")
DIGITS = tuple("0123456789")


def read_table(table: str) -> list[tuple[str, int]]:
    """Read the file names and digits in a table of labels.

    Raises:
        UnreadableFile: the table can't be read.
        WrongLabels: it is not a table, lacks a column, or has a wrong row.

    """
    if not table.lower().endswith((".csv", ".tsv")):
        raise WrongLabels(f"{names.title(table)} is neither a folder nor a table of labels, .csv or .tsv.")
    try:
        # File names may hold any bytes. Spreadsheets write a byte order mark.
        with open(table, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            return _parse_table(file, table)
    except OSError as error:
        raise UnreadableFile(f"{names.title(table)} can't be read: {os_reason(error)}.") from error
    except csv.Error as error:
        raise WrongLabels(f"{names.title(table)} is not a table: {error}.") from error


def _parse_table(lines: Iterable[str], table: str) -> list[tuple[str, int]]:
    reader = csv.reader(lines, delimiter="\t" if table.lower().endswith(".tsv") else ",")
    columns = _find_columns(next(reader, []), table)
    cells = [(reader.line_num, *_pick_cells(row, columns)) for row in reader if row]
    _check_cells(cells, table)
    return [(name, int(digit)) for _, name, digit in cells]


def _find_columns(header: Sequence[str], table: str) -> list[int]:
    titles = [title.strip().lower() for title in header]
    if missing := [column for column in COLUMNS if column not in titles]:
        raise WrongLabels(
            f"{names.title(table)} has no column {' and '.join(missing)}: its first line names file and digit."
        )
    return [titles.index(column) for column in COLUMNS]


def _pick_cells(row: Sequence[str], columns: Iterable[int]) -> tuple[str, str]:
    file, digit = (row[column].strip() if column < len(row) else "" for column in columns)
    return file, digit


def _check_cells(cells: Sequence[tuple[int, str, str]], table: str) -> None:
    title = names.title(table)
    if nameless := [line for line, name, _ in cells if not name or "\0" in name]:
        raise WrongLabels(f"{title} names no file in line {nameless[0]}.")
    if wrong := [(line, digit) for line, _, digit in cells if digit not in DIGITS]:
        line, digit = wrong[0]
        raise WrongLabels(
            f"{title} has {len(wrong)} of {len(cells)} labels that are not a digit from 0 to 9, the first {digit!r} in "
            f"line {line}."
        )
    for name, count in Counter(os.path.normpath(name) for _, name, _ in cells).most_common(1):
        if count > 1:
            raise WrongLabels(f"{title} names {names.title(name)} {count} times.")
