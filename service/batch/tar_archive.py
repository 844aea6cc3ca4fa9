"""Images in tar archives. In one without compression, each image is read where it is worked on."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from service.batch import storage
from service.errors import UnreadableFile

DAMAGED = "This is not a tar archive, or it is damaged here."


class TarMember(NamedTuple):
    """An image in a tar archive without compression."""

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
        with storage.reading(self.archive):
            file = _open(self.archive)
            file.seek(self.offset)
            data = file.read(self.size_bytes)
        if len(data) < self.size_bytes:
            raise UnreadableFile(DAMAGED)
        return data


class TarContent(NamedTuple):
    """An image in a compressed tar archive, which can only be read from its beginning: the image itself."""

    archive: str
    member: str
    data: bytes

    @property
    def name(self) -> str:
        """The address of the archive, and the name in it."""
        return f"{self.archive}/{self.member}"

    def load(self, max_bytes: int) -> bytes:
        """Return the image.

        Raises:
            TooLarge: the image has more than `max_bytes` bytes.

        """
        if len(self.data) > max_bytes:
            raise storage.too_large(max_bytes)
        return self.data


Member = TarMember | TarContent


def list_members(archive: str, max_bytes: int) -> Iterator[Member]:
    """Yield the files in a tar archive, in the order of the archive.

    Raises:
        UnreadableFile: the archive can't be read, or is damaged.

    """
    with storage.reading(archive), storage.open_file(archive) as file:
        try:
            with tarfile.open(fileobj=file) as tar:
                yield from _list_opened(tar, file, archive, max_bytes)
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError) as error:
            raise UnreadableFile(DAMAGED) from error


def _list_opened(tar: tarfile.TarFile, file: BinaryIO, archive: str, max_bytes: int) -> Iterator[Member]:
    is_compressed = tar.fileobj is not file
    while member := tar.next():
        tar.members = []  # type: ignore[attr-defined]  # tarfile would keep all
        if not member.isreg():
            continue
        if not is_compressed or member.size > max_bytes:  # too large to be loaded: no bytes of it are kept
            yield TarMember(archive, member.name, member.offset_data, member.size)
        elif content := tar.extractfile(member):
            yield TarContent(archive, member.name, content.read())
    if not is_compressed:
        _check_end(file, tar.offset)


def _check_end(file: BinaryIO, offset: int) -> None:
    """Check that the archive ends here: tarfile takes damage for its end."""
    file.seek(offset)
    if any(file.read(tarfile.BLOCKSIZE)):
        raise tarfile.ReadError


@lru_cache(maxsize=1)
def _open(archive: str) -> BinaryIO:
    return storage.open_file(archive)
