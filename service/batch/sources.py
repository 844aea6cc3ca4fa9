"""What the command line names: files, folders, archives, Parquet files and addresses of fsspec. They are listed lazily.

The order of the images is fixed: that of the sources; in a folder 2.png before 10.png; in an archive or a Parquet file
its own.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from service.batch import image_files, parquet_file, storage, tar_archive, zip_archive
from service.batch.encoding import import_pyarrow
from service.batch.names import title
from service.batch.references import File, Reference, Unreadable
from service.errors import StoreUnavailable, UnreadableFile

MAX_LEFT_OUT_NAMES = 5  # in the message
UNREADABLE_ARCHIVES = (".tar.zst", ".tzst", ".tar.lz4", ".7z", ".rar")


class Kind(StrEnum):
    """A kind of source, as a message names it."""

    FILE = "file"
    FOLDER = "folder"
    ZIP = "zip archive"
    TAR = "tar archive"
    PARQUET = "Parquet file"


PARQUET_SUFFIX = ".parquet"
KINDS = {
    (".zip",): Kind.ZIP,
    (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"): Kind.TAR,
    (PARQUET_SUFFIX,): Kind.PARQUET,
}


@dataclass
class LeftOut:
    """The files that aren't images by their suffix: how many there are, and the names of the first."""

    count: int = 0
    names: list[str] = field(default_factory=list)
    has_archives: bool = False

    def add(self, name: str) -> None:
        """Count a file."""
        self.count += 1
        self.has_archives |= _kind_of_name(name) is not Kind.FILE
        if len(self.names) < MAX_LEFT_OUT_NAMES:
            self.names.append(name)

    def describe(self) -> str:
        """Return a sentence, or nothing if there are no such files."""
        names = ", ".join(map(title, self.names)) + ", ..." * (self.count > len(self.names))
        hint = " To read archives and Parquet files, name them: 'folder/*.zip'." if self.has_archives else ""
        return f"Left out, not images by their suffix: {names} ({self.count} in all).{hint}" if self.count else ""


@dataclass(frozen=True)
class Sources:
    """The references of all images, listed when they are asked for, here or on another machine: it can be pickled."""

    addresses: Sequence[str]
    column: str | None = None
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def has_standard_input(self) -> bool:
        """Whether one of the images is standard input, which only this process can read."""
        return image_files.STANDARD_INPUT in self.addresses

    def check_packages(self) -> None:
        """Check that the packages are installed that the sources need.

        Raises:
            MissingPackage: one isn't.

        """
        for address in map(storage.local_path, self.addresses):
            if storage.is_remote(address):
                storage.resolve(address)
            if address.lower().endswith(PARQUET_SUFFIX):
                import_pyarrow()

    def __iter__(self) -> Iterator[Reference]:
        """Yield the references of all images. What can't be opened, or holds no image, is one reference.

        Raises:
            StoreUnavailable: a store does not answer.
            WrongColumn: a Parquet file has no column of images, or several.

        """
        for address in map(storage.local_path, self.addresses):
            for source in storage.match(address):
                yield from self._list_source(source)

    def count_images(self) -> int | None:
        """Return the number of images, or None where only their list tells it: for tar archives and stores."""
        addresses = map(storage.local_path, self.addresses)
        if any(storage.is_remote(address) or _kind(address) is Kind.TAR for address in addresses):
            return None
        return sum(1 for _ in replace(self, left_out=LeftOut()))

    def _list_source(self, source: str) -> Iterator[Reference]:
        """Yield the images of a source, and a reference with the error if it can't be read further, or has no image."""
        try:
            kind = _kind(source)
            images = self._list_images(source, kind)
            yield next(images, Unreadable(source, f"There is no image in this {kind}."))
            yield from images
        except StoreUnavailable:
            raise
        except UnreadableFile as error:
            yield Unreadable(source, str(error))

    def _list_images(self, source: str, kind: Kind) -> Iterator[Reference]:
        match kind:
            case Kind.FOLDER:
                return self._list_folder(source)
            case Kind.ZIP:
                return self._pick_images(zip_archive.list_members(source))
            case Kind.TAR:
                return self._pick_images(tar_archive.list_members(source))
            case Kind.PARQUET:
                return parquet_file.list_rows(source, self.column)
            case Kind.FILE if source.lower().endswith(UNREADABLE_ARCHIVES):
                raise UnreadableFile("Archives of this kind are not read: make it a zip or tar archive.")
            case Kind.FILE:
                return iter([File(source)])

    def _list_folder(self, folder: str) -> Iterator[Reference]:
        walk = storage.walk if storage.is_remote(folder) else image_files.walk
        for path, is_image in walk(folder):
            if is_image:
                yield File(path)
            else:
                self.left_out.add(path)

    def _pick_images(self, members: Iterable[zip_archive.ZipMember | tar_archive.TarMember]) -> Iterator[Reference]:
        for member in members:
            if _is_hidden(member.member):
                continue
            if image_files.is_image(member.member):
                yield member
            else:
                self.left_out.add(member.name)


def _kind(source: str) -> Kind:
    if os.path.isdir(source):
        return Kind.FOLDER
    path = source.partition("::")[0] if storage.is_remote(source) else source  # of zip://7.png::s3://bucket/x.zip
    if (kind := _kind_of_name(path)) is not Kind.FILE:
        return kind
    return Kind.FOLDER if storage.is_remote(source) and storage.is_folder(source) else Kind.FILE


def _kind_of_name(name: str) -> Kind:
    return next((kind for suffixes, kind in KINDS.items() if name.lower().endswith(suffixes)), Kind.FILE)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in name.split("/"))
