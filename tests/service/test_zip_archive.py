"""Images in zip archives."""

import io
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.batch.zip_archive import ENCRYPTED_FLAG, ZipMember, list_members
from service.errors import ServiceError, TooLarge, UnreadableFile
from tests.support.archives import mutate
from tests.support.paths import SEVEN

SEVEN_BYTES = SEVEN.read_bytes()
CONTENTS = {"7.png": SEVEN_BYTES, "a/\u0663.png": b"x" * 1000, "a/b/\u00e9.gif": b"", "a/notes.txt": b"notes"}


def make_zip(method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.mkdir("a")
        for name, content in CONTENTS.items():
            archive.writestr(name, content)
        archive.comment = comment
    return file.getvalue()


def put(folder: Path, content: bytes) -> str:
    (folder / "x.zip").write_bytes(content)
    return str(folder / "x.zip")


def load_all(archive: str) -> dict[str, bytes]:
    return {member.member: member.load(10_000) for member in list_members(archive)}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(("before", "comment"), [(b"", b""), (b"#!/bin/sh\n", b"a comment" * 100)])
def test_all_files_are_listed_in_the_order_of_the_directory(
    tmp_path: Path, method: int, before: bytes, comment: bytes
) -> None:
    archive = put(tmp_path, before + make_zip(method, comment))
    assert list(load_all(archive).items()) == list(CONTENTS.items())
    assert [member.name for member in list_members(archive)] == [f"{archive}/{name}" for name in CONTENTS]


def test_archives_with_more_files_than_fit_the_first_format_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    content = make_zip()
    assert b"PK\6\6" in content
    assert load_all(put(tmp_path, content)) == CONTENTS


def test_an_image_over_the_limit_is_not_read(tmp_path: Path) -> None:
    archive = put(tmp_path, make_zip())
    image = next(list_members(archive))
    assert image.load(len(SEVEN_BYTES)) == SEVEN_BYTES
    with pytest.raises(TooLarge, match=f"at most {len(SEVEN_BYTES) - 1} bytes"):
        image.load(len(SEVEN_BYTES) - 1)


def test_what_is_encrypted_or_compressed_otherwise_is_an_error(tmp_path: Path) -> None:
    member = next(list_members(put(tmp_path, make_zip(zipfile.ZIP_BZIP2))))
    for other in (member, ZipMember(*member)._replace(method=0, flags=ENCRYPTED_FLAG)):
        with pytest.raises(UnreadableFile, match="encrypted, or compressed in another way than deflate"):
            other.load(10_000)


def test_an_image_that_differs_from_its_checksum_is_an_error(tmp_path: Path) -> None:
    content = bytearray(make_zip(zipfile.ZIP_STORED))
    content[content.index(SEVEN_BYTES) + 100] ^= 1
    first, *others = list_members(put(tmp_path, bytes(content)))
    with pytest.raises(UnreadableFile, match="This is damaged in its zip archive"):
        first.load(10_000)
    assert [other.load(10_000) for other in others] == list(CONTENTS.values())[1:]


@pytest.mark.parametrize(
    "content", [b"", b"PK", SEVEN_BYTES, make_zip()[:-30], b"PK\5\6" + struct.pack("<4H2LH", *[9] * 7)]
)
def test_what_is_no_zip_archive_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="This is not a zip archive, or it is damaged"):
        list(list_members(put(tmp_path, content)))


@settings(deadline=None)
@given(st.data())
def test_damage_is_an_error_of_the_service(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    archive = put(tmp_path_factory.getbasetemp(), mutate(data, make_zip()))
    members: list[ZipMember] = []
    with suppress(ServiceError):
        members.extend(list_members(archive))
    for member in members:
        with suppress(ServiceError):
            assert len(member.load(10_000)) <= 10_000
