"""The names of image files, for rows, messages and terminals."""

import os


def as_unicode(name: str) -> str:
    """Return a file's name in valid Unicode, for JSON and HTML. File names may hold any bytes."""
    return os.fsencode(name).decode(errors="replace")


def printable(name: str) -> str:
    """Return a file's name for a terminal, without control characters."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def title(path: str) -> str:
    """Return a file's path for a message."""
    return printable(as_unicode(path))
