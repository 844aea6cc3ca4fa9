"""References to images: where each is. They are small, go to other processes, and load their image there."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, TypeVar

from service.batch import image_files, storage
from service.errors import UnreadableFile

Item = TypeVar("Item")


class Reference(Protocol):
    """Where one image is. It can be pickled."""

    @property
    def name(self) -> str:
        """The name of the image's row."""
        ...

    def load(self, max_bytes: int) -> bytes:
        """Load the image file.

        Raises:
            UnreadableFile: the image is missing or can't be read.
            TooLarge: it has more than `max_bytes` bytes.

        """
        ...


Chunk = Sequence[Reference]


def split(items: Iterable[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield references, or answers, in chunks of `size`; the last may have fewer."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


class File(NamedTuple):
    """An image file on this machine or at an address of fsspec, or standard input, `-`."""

    name: str

    def load(self, max_bytes: int) -> bytes:
        """Load the file."""
        load_file = storage.load_file if storage.is_remote(self.name) else image_files.load_file
        return load_file(self.name, max_bytes)


class Unreadable(NamedTuple):
    """What can't be opened: a row with its error stands in place of its images."""

    name: str
    sentence: str

    def load(self, max_bytes: int) -> bytes:
        """Raise the error."""
        raise UnreadableFile(self.sentence)


class Drawn(NamedTuple):
    """An image, and the file that its drawing is written to."""

    reference: Reference
    target: str

    @property
    def name(self) -> str:
        """The name of the image."""
        return self.reference.name

    def load(self, max_bytes: int) -> bytes:
        """Load the image."""
        return self.reference.load(max_bytes)
