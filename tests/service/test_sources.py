"""Sources: what the command line names, and the images in it."""

import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pyarrow import parquet
from s3fs import S3FileSystem

from service.batch.sources import Sources
from service.errors import MissingPackage, ServiceError, StoreUnavailable
from tests.support.files import touch
from tests.support.paths import SEVEN
from tests.support.store import serving_store

LIMIT = 10_000
SEVEN_BYTES = SEVEN.read_bytes()
NAMES = ["2.png", "10.png", "b/1.gif"]


def make_zip(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, SEVEN_BYTES)
    return file.getvalue()


def make_tar(*names: str, mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(SEVEN_BYTES)
            archive.addfile(member, io.BytesIO(SEVEN_BYTES))
    return file.getvalue()


def make_parquet(count: int) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"image": [SEVEN_BYTES] * count}), file)
    return file.getvalue()


def make_sources(*addresses: object) -> Sources:
    return Sources([str(address) for address in addresses])


def list_names(sources: Sources) -> list[str]:
    return [reference.name for reference in sources]


def load_all(sources: Sources) -> dict[str, str]:
    """Return what is in each image: its first bytes, or its error."""
    outcomes = {}
    for reference in sources:
        try:
            outcomes[reference.name] = reference.load(LIMIT)[1:4].decode()
        except ServiceError as error:
            outcomes[reference.name] = str(error)
    return outcomes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder" / "b").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(SEVEN, tmp_path / "folder" / name)
    touch(tmp_path / "folder", "notes.txt", ".hidden.png", "x.zip")
    for name in ("empty", "bare.zip"):
        (tmp_path / name).mkdir()
    hidden = ("__MACOSX/._2.png", ".x/1.png", "notes.txt", "a/")
    (tmp_path / "a.ZIP").write_bytes(make_zip(*NAMES[::-1], *hidden))
    (tmp_path / "a.tar").write_bytes(make_tar("./2.png", *hidden[:3]))
    (tmp_path / "a.tgz").write_bytes(make_tar("2.png", "x.txt", mode="w:gz"))
    (tmp_path / "a.parquet").write_bytes(make_parquet(2))
    (tmp_path / "none.zip").write_bytes(make_zip())
    (tmp_path / "damaged.zip").write_bytes(b"?")
    (tmp_path / "damaged.tar").write_bytes(make_tar("1.png", "2.png")[:1100])
    (tmp_path / "damaged.parquet").write_bytes(b"?")
    return tmp_path


def test_images_of_all_kinds_come_in_the_order_of_the_sources(folder: Path) -> None:
    addresses = ["a.tgz", "a.parquet", "folder", "a.ZIP", "a.tar", "folder/2.png"]
    sources = make_sources(*(folder / name for name in addresses))
    names = [
        "a.tgz/2.png",
        *("a.parquet#0", "a.parquet#1"),
        *(f"folder/{name}" for name in NAMES),
        *(f"a.ZIP/{name}" for name in NAMES[::-1]),
        *("a.tar/./2.png", "folder/2.png"),
    ]
    assert load_all(sources) == {f"{folder}/{name}": "PNG" for name in names}
    assert list_names(sources) == [f"{folder}/{name}" for name in names]


def test_what_is_no_image_by_its_suffix_is_left_out_and_named(folder: Path) -> None:
    sources = make_sources(*(folder / name for name in ("folder", "a.ZIP", "a.tar", "a.tgz")))
    assert sources.left_out.describe() == ""
    list(sources)
    names = ["folder/notes.txt", "folder/x.zip", "a.ZIP/notes.txt", "a.tar/notes.txt", "a.tgz/x.txt"]
    paths = ", ".join(f"{folder}/{name}" for name in names)
    hint = "To read archives and Parquet files, name them: 'folder/*.zip'."
    assert sources.left_out.describe() == f"Left out, not images by their suffix: {paths} (5 in all). {hint}"
    sources.left_out.add("more.txt")
    assert sources.left_out.describe().endswith(f"/a.tgz/x.txt, ... (6 in all). {hint}")


def test_what_holds_no_image_or_is_damaged_is_one_image_with_an_error(folder: Path) -> None:
    errors = {
        "empty": "There is no image in this folder.",
        "bare.zip": "There is no image in this folder.",
        "none.zip": "There is no image in this zip archive.",
        "damaged.zip": "This is not a zip archive, or it is damaged.",
        "a.tar.zst": "Archives of this kind are not read: make it a zip or tar archive.",
        "damaged.tar/1.png": "PNG",
        "damaged.tar": "This is not a tar archive, or it is damaged or cut short here.",
        "damaged.parquet": "This is not a Parquet file, or it is damaged.",
        "missing.zip": "This can't be read: no such file or directory.",
        "missing": "This can't be read: no such file or directory.",
    }
    sources = make_sources(*(folder / name for name in errors if name != "damaged.tar/1.png"))
    assert load_all(sources) == {f"{folder}/{name}": error for name, error in errors.items()}


def test_images_are_counted_where_their_list_is_at_hand(folder: Path) -> None:
    sources = make_sources(folder / "folder", folder / "a.ZIP", folder / "a.parquet", folder / "missing.zip", "-")
    assert sources.count_images() == 3 + 3 + 2 + 1 + 1
    assert sources.left_out.count == 0
    assert make_sources(folder / "folder", folder / "a.tar").count_images() is None
    assert make_sources("memory://x").count_images() is None


def test_a_file_address_is_a_path_and_a_file_that_exists_is_no_address(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list_names(make_sources(f"file://{folder}/folder")) == list_names(make_sources(folder / "folder"))
    monkeypatch.chdir(folder)
    os.mkdir("s3:")
    shutil.copy(SEVEN, "s3:/7.png")
    shutil.copy(SEVEN, "a::b.png")
    assert load_all(make_sources("s3://7.png", "a::b.png")) == {"s3://7.png": "PNG", "a::b.png": "PNG"}


@pytest.fixture
def memory() -> Iterator[Any]:
    store = MemoryFileSystem()
    for name in (*NAMES, "notes.txt", ".hidden.png", "empty.png"):
        store.pipe_file(f"/in/{name}", SEVEN_BYTES if name != "empty.png" else b"")
    store.pipe_file("/archives/10.zip", make_zip("1.png", "x.txt"))
    store.pipe_file("/archives/9.zip", make_zip("1.png", "2.png"))
    store.pipe_file("/archives/a.tar", make_tar("1.png"))
    store.pipe_file("/archives/a.parquet", make_parquet(2))
    yield store
    store.rm("/in", recursive=True)
    store.rm("/archives", recursive=True)


def test_stores_have_folders_and_archives_too(memory: Any) -> None:
    names = ["2.png", "10.png", "b/1.gif", "empty.png"]
    sources = make_sources("memory://in")
    assert list_names(sources) == [f"memory:///in/{name}" for name in names]
    assert sources.left_out.names == ["memory:///in/notes.txt"]
    archives = make_sources(*(f"memory://archives/{name}" for name in ("a.tar", "a.parquet")))
    assert load_all(archives) == {
        f"memory://archives/{name}": "PNG" for name in ("a.tar/1.png", "a.parquet#0", "a.parquet#1")
    }


def test_a_path_of_this_machine_is_no_pattern(tmp_path: Path) -> None:
    paths = [f"{tmp_path}/{name}" for name in ("p[1].png", "p1.png")]
    for path in paths:
        Path(path).touch()
    assert [image.name for image in Sources(paths)] == paths


def test_patterns_name_what_they_match_in_stores(memory: Any) -> None:
    assert list_names(make_sources("memory://archives/*.zip")) == [
        f"memory:///archives/{name}" for name in ("9.zip/1.png", "9.zip/2.png", "10.zip/1.png")
    ]
    members = load_all(make_sources("zip://*.png::memory://archives/9.zip"))
    assert members == {f"zip://{name}.png::memory://archives/9.zip": "PNG" for name in "12"}
    assert load_all(make_sources("memory://archives/*.rar")) == {
        "memory://archives/*.rar": "This can't be read: no such file or directory."
    }


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(MissingPackage, match=r"The address gs://bucket/7.png needs another package: .* install gcsfs"):
        make_sources("gs://bucket/7.png").check_packages()
    with pytest.raises(ServiceError, match="The address nothing://x is wrong: Protocol not known: nothing"):
        make_sources("nothing://x").check_packages()


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    with serving_store("bucket") as store:
        for name in ("in/2.png", "in/10.png", "in/b/1.gif"):
            store.pipe_file(f"bucket/{name}", SEVEN_BYTES)
        for name in ("in/", "in/notes.txt"):
            store.pipe_file(f"bucket/{name}", b"")
        store.pipe_file("bucket/a.zip", make_zip(*NAMES))
        store.pipe_file("bucket/a.parquet", make_parquet(2))
        yield store


@pytest.mark.usefixtures("store")
def test_a_bucket_is_read() -> None:
    outcomes = load_all(make_sources("s3://bucket/in", "s3://bucket/a.*", "s3://bucket/missing.png", "s3://missing"))
    names = [*(f"in/{name}" for name in NAMES), "a.parquet#0", "a.parquet#1", *(f"a.zip/{name}" for name in NAMES)]
    missing = dict.fromkeys(
        ["s3://bucket/missing.png", "s3://missing"], "This can't be read: no such file or directory."
    )
    assert outcomes == {f"s3://bucket/{name}": "PNG" for name in names} | missing


def test_a_store_that_does_not_answer_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    S3FileSystem.clear_instance_cache()
    with pytest.raises(StoreUnavailable, match=r"s3://bucket/a.zip can't be read: EndpointConnectionError: Could not"):
        list(make_sources("s3://bucket/a.zip"))
    S3FileSystem.clear_instance_cache()
