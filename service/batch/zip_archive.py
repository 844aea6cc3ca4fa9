"""Images in zip archives. The directory is read entry by entry, and each image where it is worked on.

zipfile holds the whole directory in every process, 0.6 KB for each file: 1.8 GB for a million images and two workers.
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3, 4.5.3)
"""

import os
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from service.batch import storage
from service.errors import UnreadableFile

DAMAGED = "This is not a zip archive, or it is damaged."

END = struct.Struct("<4s4H2LH")
END_64_LOCATOR = struct.Struct("<4sLQL")
END_64 = struct.Struct("<4sQ2H2L4Q")
ENTRY = struct.Struct("<4s6H3L5H2L")
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
MAX_COMMENT_BYTES = 2**16 - 1
IN_EXTRA_FIELD = 2**32 - 1  # a number that is in the extra field of a large archive
EXTRA_FIELD_64 = 1

ENCRYPTED_FLAG, UTF8_FLAG = 1, 1 << 11
STORED, DEFLATED = 0, 8


class ZipMember(NamedTuple):
    """An image in a zip archive, with what its entry in the directory says."""

    archive: str
    member: str
    flags: int
    method: int
    checksum: int
    compressed_bytes: int
    size_bytes: int
    offset: int

    @property
    def name(self) -> str:
        """The address of the archive, and the name in it."""
        return f"{self.archive}/{self.member}"

    def load(self, max_bytes: int) -> bytes:
        """Load the image.

        Raises:
            UnreadableFile: the archive can't be read, or the image is damaged, encrypted or of an unknown compression.
            TooLarge: the image has more than `max_bytes` bytes.

        """
        if self.size_bytes > max_bytes:
            raise storage.too_large(max_bytes)
        if self.flags & ENCRYPTED_FLAG or self.method not in (STORED, DEFLATED):
            raise UnreadableFile("This is encrypted, or compressed in another way than deflate, in its zip archive.")
        with storage.reading(self.archive):
            data = self._decompress(self._read_content(_open(self.archive)))
        if len(data) != self.size_bytes or zlib.crc32(data) != self.checksum:
            raise UnreadableFile("This is damaged in its zip archive.")
        return data

    def _read_content(self, file: BinaryIO) -> bytes:
        try:
            file.seek(self.offset)
            *_, name_bytes, extra_bytes = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
            file.seek(name_bytes + extra_bytes, os.SEEK_CUR)
            return file.read(min(self.compressed_bytes, 2 * self.size_bytes + 100))  # deflate needs no more
        except (struct.error, ValueError, OverflowError):
            return b""

    def _decompress(self, content: bytes) -> bytes:
        if self.method == STORED:
            return content
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, self.size_bytes + 1)
        except zlib.error:
            return b""


def list_members(archive: str) -> Iterator[ZipMember]:
    """Yield the files in a zip archive, in the order of its directory.

    Raises:
        UnreadableFile: the archive can't be read, or is damaged.

    """
    with storage.reading(archive), storage.open_file(archive) as file:
        try:
            start, end, shift = _locate_directory(file)
            file.seek(start)
            while file.tell() < end:
                member = _read_entry(file, archive, shift)
                if not member.member.endswith("/"):
                    yield member
        except (struct.error, ValueError) as error:
            raise UnreadableFile(DAMAGED) from error


def _locate_directory(file: BinaryIO) -> tuple[int, int, int]:
    """Return where the directory begins and ends, and how many bytes stand before the archive's own first byte."""
    size = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, size - MAX_COMMENT_BYTES - END.size - END_64_LOCATOR.size - END_64.size))
    tail = file.read()
    position = tail.rindex(b"PK\5\6")
    *_, directory_bytes, offset, _ = END.unpack_from(tail, position)
    locator = position - END_64_LOCATOR.size
    if tail[max(0, locator) : max(0, locator) + 4] == b"PK\6\7":
        position = locator - END_64.size
        *_, directory_bytes, offset = END_64.unpack_from(tail, position)
    end = start + position
    if directory_bytes > end:
        raise ValueError
    return end - directory_bytes, end, end - directory_bytes - offset


def _read_entry(file: BinaryIO, archive: str, shift: int) -> ZipMember:
    entry = ENTRY.unpack(file.read(ENTRY.size))
    signature, _, _, flags, method, _, _, checksum, compressed, size, name_bytes, extra_bytes, comment_bytes = entry[
        :13
    ]
    if signature != b"PK\1\2":
        raise ValueError
    name = file.read(name_bytes).decode("utf-8" if flags & UTF8_FLAG else "cp437", "surrogateescape")
    extra = file.read(extra_bytes)
    file.read(comment_bytes)
    size, compressed, offset = _large_numbers(extra, size, compressed, entry[-1])
    return ZipMember(archive, name, flags, method, checksum, compressed, size, offset + shift)


def _large_numbers(extra: bytes, *numbers: int) -> Iterator[int]:
    """Yield numbers of an entry, those that don't fit there from its extra field."""
    large = iter(_find_field_64(extra) if IN_EXTRA_FIELD in numbers else ())
    for number in numbers:
        yield next(large, 0) if number == IN_EXTRA_FIELD else number


def _find_field_64(extra: bytes) -> tuple[int, ...]:
    while extra:
        kind, size = struct.unpack_from("<2H", extra)
        if kind == EXTRA_FIELD_64:
            return struct.unpack_from(f"<{size // 8}Q", extra, 4)
        extra = extra[4 + size :]
    return ()


@lru_cache(maxsize=1)
def _open(archive: str) -> BinaryIO:
    return storage.open_file(archive)
