"""Images in tar archives."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.batch.tar_archive import TarMember, list_members
from service.errors import ServiceError, TooLarge, UnreadableFile
from tests.support.archives import mutate
from tests.support.paths import SEVEN

SEVEN_BYTES = SEVEN.read_bytes()
CONTENTS = {"./7.png": SEVEN_BYTES, "a/\u0663.png": b"x" * 1000, "a/" + "b" * 200 + ".gif": b"", "a/notes.txt": b"no"}
COMPRESSIONS = ["", "gz", "bz2", "xz"]


def make_tar(compression: str = "") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        folder = tarfile.TarInfo("a")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in CONTENTS.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def put(folder: Path, content: bytes) -> str:
    (folder / "x.tar").write_bytes(content)
    return str(folder / "x.tar")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_all_files_are_listed_in_the_order_of_the_archive(tmp_path: Path, compression: str) -> None:
    archive = put(tmp_path, make_tar(compression))
    members = list(list_members(archive))
    assert [(member.member, member.load(10_000)) for member in members] == list(CONTENTS.items())
    assert [member.load(10_000) for member in reversed(members)] == list(CONTENTS.values())[::-1]
    assert [member.name for member in members] == [f"{archive}/{name}" for name in CONTENTS]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_an_image_over_the_limit_is_an_error(tmp_path: Path, compression: str) -> None:
    limit = len(SEVEN_BYTES) - 1
    image, *_ = list_members(put(tmp_path, make_tar(compression)))
    with pytest.raises(TooLarge, match=f"at most {limit} bytes"):
        image.load(limit)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_an_archive_that_is_cut_short_gives_what_it_has_and_an_error(tmp_path: Path, compression: str) -> None:
    members = list_members(put(tmp_path, make_tar(compression)[:-100] if compression else make_tar()[:3000]))
    names: list[str] = []
    with pytest.raises(UnreadableFile, match="This is not a tar archive, or it is damaged or cut short here"):
        names.extend(member.member for member in members)
    assert names == list(CONTENTS)[: len(names)]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_only_a_block_of_zeros_is_an_end(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    whole = make_tar()
    last = whole.index(b"a/notes.txt")
    end = last + 2 * tarfile.BLOCKSIZE
    for content in (whole[:last], whole[:end], whole[:end] + bytes(100), whole[:last] + b"b" + whole[last + 1 :]):
        with pytest.raises(UnreadableFile, match="damaged or cut short here"):
            list(list_members(put(tmp_path, compress(content))))
    members = list_members(put(tmp_path, compress(whole[: end + tarfile.BLOCKSIZE])))
    assert [member.member for member in members] == list(CONTENTS)


def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    first, *_ = list_members(put(tmp_path, make_tar()))
    put(tmp_path, make_tar()[:1100])
    with pytest.raises(UnreadableFile, match="damaged or cut short here"):
        first.load(10_000)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@settings(deadline=None)
@given(data=st.data())
def test_damage_is_an_error_of_the_service(
    tmp_path_factory: pytest.TempPathFactory, compression: str, data: st.DataObject
) -> None:
    archive = put(tmp_path_factory.getbasetemp(), mutate(data, make_tar(compression)))
    members: list[TarMember] = []
    with suppress(ServiceError):
        members.extend(list_members(archive))
    for member in members:
        with suppress(ServiceError):
            assert len(member.load(10_000)) <= 10_000
