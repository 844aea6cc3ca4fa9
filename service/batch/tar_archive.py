"""Images in tar archives. Each is read where it is worked on: a compressed archive, from its beginning up to there."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, NamedTuple, Self, cast

from service.batch import storage
from service.errors import UnreadableFile

DAMAGED = "This is not a tar archive, or it is damaged or cut short here."


class TarMember(NamedTuple):
    """An image in a tar archive. Its offset is that without compression."""

    archive: str
    member: str
    offset: int
    size_bytes: int

    @property
    def name(self) -> str:
        """The address of the archive, and the name in it."""
        return f"{self.archive}/{self.member}"

    def load(self, max_bytes: int) -> bytes:
        """Load the image.

        Raises:
            UnreadableFile: the archive can't be read, or is cut short.
            TooLarge: the image has more than `max_bytes` bytes.

        """
        if self.size_bytes > max_bytes:
            raise storage.too_large(max_bytes)
        with _reading(self.archive):
            file = _open(self.archive)
            file.seek(self.offset)
            data = file.read(self.size_bytes)
        if len(data) < self.size_bytes:
            raise UnreadableFile(DAMAGED)
        return data


class _Header(tarfile.TarInfo):
    """The header of a member. tarfile takes damage, and the end of a file, for the mark at the end of an archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return the header in a block.

        Raises:
            HeaderError: the block is the mark.
            ReadError: it is no header.

        """
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf) == bytes(tarfile.BLOCKSIZE):
                raise
            raise tarfile.ReadError from error


def list_members(archive: str) -> Iterator[TarMember]:
    """Yield the files in a tar archive, in the order of the archive.

    Raises:
        UnreadableFile: the archive can't be read, is damaged, or lacks the mark at its end.

    """
    with _reading(archive), storage.open_file(archive) as file, tarfile.open(fileobj=file, tarinfo=_Header) as tar:
        while member := tar.next():
            tar.members = []  # type: ignore[attr-defined]  # tarfile would keep all
            if member.isreg():
                yield TarMember(archive, member.name, member.offset_data, member.size)


@contextmanager
def _reading(archive: str) -> Iterator[None]:
    with storage.reading(archive):
        try:
            yield
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError) as error:
            raise UnreadableFile(DAMAGED) from error


@lru_cache(maxsize=1)
def _open(archive: str) -> IO[bytes]:
    """Open an archive without its compression. Chunks come in their order, so that a process seldom has to go back."""
    return cast(IO[bytes], tarfile.open(fileobj=storage.open_file(archive)).fileobj)
