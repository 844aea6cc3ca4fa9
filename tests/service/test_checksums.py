"""Files are checked against the SHA-256 that a card records."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from service import checksums
from service.errors import ModelError


class Card(msgspec.Struct):
    files: dict[str, str] = {}


def test_the_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert checksums.sha256(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()
    with pytest.raises(ModelError, match=r"gone can't be read: no such file or directory\."):
        checksums.sha256(tmp_path / "gone")


def test_changed_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    files = {"file": checksums.sha256(tmp_path / "file")}
    checksums.check_files(tmp_path, files)
    with pytest.raises(ModelError, match=r"is not complete: folder/file is missing\."):
        checksums.check_files(tmp_path, {**files, "folder/file": "?"})
    (tmp_path / "file").write_bytes(b"other content")
    with pytest.raises(ModelError, match=r"is damaged: file is not as its model card records it\."):
        checksums.check_files(tmp_path, files)


def test_a_missing_card_has_the_defaults_and_a_damaged_card_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    assert checksums.load_card(path, Card) == Card()
    path.write_text('{"files": {"a": "b"}, "other": 1}')
    assert checksums.load_card(path, Card) == Card({"a": "b"})
    for content in (b"", b'{"files": [1]}', b'{"files": {"\xff": ""}}'):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"The model card .*model\.json is wrong: "):
            checksums.load_card(path, Card)
