"""Files on this machine, and at addresses of fsspec, such as s3://bucket/key."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Literal, cast
from uuid import uuid4

from service.batch import image_files
from service.batch.names import title
from service.errors import (
    MissingPackage,
    ServiceError,
    StoreUnavailable,
    TooLarge,
    UnreadableFile,
    UnwritableOutput,
    os_reason,
)

LOCAL = "file://"
PATTERN = re.compile(r"[*?\[]")
BLOCK_BYTES = 2**20  # read ahead in archives and Parquet files of a store; s3fs would read 50 MB


def local_path(address: str) -> str:
    """Return the path that a file: address names. Other addresses and paths stay unchanged."""
    return address.removeprefix(LOCAL)


def is_remote(address: str) -> bool:
    """Return whether this is an address of fsspec, not a path of this machine."""
    return ("://" in address or "::" in address) and not os.path.lexists(address)


def load_file(address: str, max_bytes: int) -> bytes:
    """Load the file at an address of fsspec.

    Raises:
        UnreadableFile: the file is missing or can't be read.
        TooLarge: the file has more than `max_bytes` bytes; the rest is not read.

    """
    with reading(address):
        store, path = resolve(address)
        data = cast(bytes, store.cat_file(path, start=0, end=max_bytes + 1))
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    return data


def open_file(address: str) -> BinaryIO:
    """Open a file of this machine or of a store for reading anywhere in it. `reading` tells its errors."""
    if not is_remote(address):
        return open(address, "rb")
    store, path = resolve(address)
    return cast(BinaryIO, store.open(path, "rb", block_size=BLOCK_BYTES))


def too_large(max_bytes: int) -> TooLarge:
    """Return the error of an image file with more than `max_bytes` bytes."""
    return TooLarge(f"The file is too large: at most {max_bytes} bytes are read.")


def match(address: str) -> list[str]:
    """Return the addresses that match a pattern such as s3://bucket/*.zip; the address itself if nothing does.

    A path of this machine is no pattern: its shell has expanded it, and p[1].png may be the name of a file.

    Raises:
        StoreUnavailable: the store does not answer.

    """
    if not (is_remote(address) and PATTERN.search(address)):
        return [address]
    with reading(address):
        store, path = resolve(address)
        matches = [_with_rest(store, name, address) for name in store.glob(path)]
    image_files.sort_naturally(matches)
    return matches or [address]


def is_folder(address: str) -> bool:
    """Return whether a folder is at an address of fsspec, or a file.

    Raises:
        UnreadableFile: nothing is there.
        StoreUnavailable: the store does not answer.

    """
    with reading(address):
        store, path = resolve(address)
        return bool(store.info(path)["type"] == "directory")


def walk(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield each file in a folder of a store and below it, and whether it is an image, as `image_files.walk` does.

    Raises:
        UnreadableFile: a folder can't be read.
        StoreUnavailable: the store does not answer.

    """
    with reading(folder):
        store, path = resolve(folder)
        kinds = {entry["name"].rstrip("/"): entry["type"] for entry in store.ls(path, detail=True)}
        store.invalidate_cache()  # which would hold the whole bucket
    kinds.pop(path.rstrip("/"), None)  # stores may have an empty object for the folder itself
    paths = [name for name in kinds if not name.rpartition("/")[2].startswith(".")]
    image_files.sort_naturally(paths)
    for name in paths:
        address = _with_rest(store, name, folder)
        if kinds[name] == "directory":
            yield from walk(address)
        else:
            yield address, image_files.is_image(name)


def _with_rest(store: Any, path: str, address: str) -> str:
    """Return the address of a path in the store of another address, which may be chained: zip://*.png::s3://b/a.zip."""
    _, separator, rest = address.partition("::")
    return cast(str, store.unstrip_protocol(path)) + separator + rest


def list_names(folder: str) -> list[str]:
    """Return the names of the files in a folder; none if it does not exist yet."""
    try:
        if not is_remote(folder):
            return os.listdir(folder)
        store, path = resolve(folder)
        store.invalidate_cache()
        return [name.rpartition("/")[2] for name in store.ls(path, detail=False)]
    except FileNotFoundError:
        return []


def join(folder: str, name: str) -> str:
    """Return the address of a file in a folder."""
    return f"{folder.rstrip('/')}/{name}"


def write_whole(address: str, data: bytes) -> None:
    """Write a file whole or not at all: by one put into a store, or under another name that is then replaced.

    Raises:
        UnwritableOutput: the file can't be written.

    """
    with writing(address):
        if is_remote(address):
            store, path = resolve(address)
            store.pipe_file(path, data)
        else:
            with replacing(address) as file:
                file.write(data)


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """Open another file for writing, which replaces that of this path in the end. An error leaves nothing.

    Raises:
        UnwritableOutput: the file can't be written.

    """
    folder, name = os.path.split(path)
    hidden = os.path.join(folder, f".{name}-{uuid4().hex}")
    with writing(path):
        file = _open_in_folder(hidden, "xb")
    try:
        with file:
            yield file
            with writing(path):
                file.flush()
                os.fsync(file.fileno())  # else a machine that loses power may keep the name without the bytes
        with writing(path):
            os.replace(hidden, path)
    except BaseException:
        os.unlink(hidden)
        raise


def open_to_append(path: str) -> BinaryIO:
    """Open a file of this machine to read it and to append to it. It and its folder may not exist yet.

    Raises:
        UnwritableOutput: it can't be written, or another command writes it.

    """
    with writing(path):
        file = _open_in_folder(path, "a+b")
    with suppress(OSError):  # some file systems have no locks
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise UnwritableOutput(f"Another command is writing {title(path)}: wait for its end.") from None
    return file


def _open_in_folder(path: str, mode: Literal["xb", "a+b"]) -> BinaryIO:
    with suppress(FileExistsError):
        os.makedirs(os.path.dirname(path) or os.curdir)
    return open(path, mode)


@contextmanager
def reading(address: str) -> Iterator[None]:
    """Turn what files and stores raise into sentences.

    Raises:
        UnreadableFile: there is no such file, or it can't be read.
        StoreUnavailable: the store does not answer, or refuses everything.

    """
    try:
        yield
    except ServiceError:
        raise
    except Exception as error:  # each store's library raises its own: botocore's are no OSErrors
        if is_remote(address) and (not isinstance(error, OSError) or isinstance(error, ConnectionError | TimeoutError)):
            raise StoreUnavailable(f"{title(address)} can't be read: {_reason(error)}.") from error
        if isinstance(error, OSError):
            raise UnreadableFile(f"This can't be read: {_reason(error)}.") from error
        raise


@contextmanager
def writing(address: str) -> Iterator[None]:
    """Turn what files and stores raise into a sentence.

    Raises:
        UnwritableOutput: something can't be written.

    """
    try:
        yield
    except ServiceError:
        raise
    except Exception as error:  # as in `reading`
        if is_remote(address) or isinstance(error, OSError):
            raise UnwritableOutput(f"Nothing can be written to {title(address)}: {_reason(error)}.") from error
        raise


def resolve(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it.

    Raises:
        MissingPackage: fsspec, or the package of the store, isn't installed.
        UnreadableFile: there is no such kind of store.

    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingPackage.of(f"The address {title(address)}", "fsspec", "batch") from None
    try:
        store, path = url_to_fs(address)
    except ImportError as error:  # such as: Install s3fs to access S3
        raise MissingPackage(f"The address {title(address)} needs another package: {error}.") from None
    except ValueError as error:
        raise UnreadableFile(f"The address {title(address)} is wrong: {error}.") from None
    return store, path


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or directory"
    reason = os_reason(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return " ".join(reason.split()).removesuffix(".")
