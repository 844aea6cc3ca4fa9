"""Files on this machine, and at addresses of fsspec, such as s3://bucket/key."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from service.batch.names import title
from service.errors import MissingPackage, ServiceError, TooLarge, UnreadableFile, UnwritableOutput, os_reason

LOCAL = "file://"
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
    with reading():
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
            _write_and_rename(address, data)


def _write_and_rename(path: str, data: bytes) -> None:
    folder, name = os.path.split(path)
    os.makedirs(folder or os.curdir, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder or os.curdir, prefix=f".{name}-", delete=False) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())  # else a machine that loses power may keep the name without the bytes
    os.replace(file.name, path)


@contextmanager
def reading() -> Iterator[None]:
    """Turn what stores and files raise into a sentence.

    Raises:
        UnreadableFile: something can't be read.

    """
    try:
        yield
    except ServiceError:
        raise
    except Exception as error:  # each store's library raises its own: botocore's are no OSErrors
        raise UnreadableFile(f"This can't be read: {_reason(error)}.") from error


@contextmanager
def writing(address: str) -> Iterator[None]:
    """Turn what stores and files raise into a sentence with the address.

    Raises:
        UnwritableOutput: something can't be written.

    """
    try:
        yield
    except ServiceError:
        raise
    except Exception as error:  # as in `reading`
        raise UnwritableOutput(f"Nothing can be written to {title(address)}: {_reason(error)}.") from error


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
    return os_reason(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
