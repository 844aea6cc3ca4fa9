"""The folder of models: its versions, or why it has none and which folder to name."""

import shutil
from pathlib import Path

import msgspec
import pytest

from service.errors import ModelError, SettingsError
from service.models import loading, models_folder
from service.settings import Settings
from tests.support.files import put_files


@pytest.fixture
def copy(shipped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped, tmp_path / "mnist" / "9"))


def test_the_shipped_versions_serve_where_no_folder_is_named_or_while_it_is_empty(
    shipped: Path, copy: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty" / "mnist" / "candidates").mkdir(parents=True)
    empty = Settings(models=tmp_path / "empty")
    assert loading.rank_versions(Settings())[0] == shipped
    assert loading.rank_versions(empty) == []
    assert loading.rank_versions(msgspec.structs.replace(empty, shipped_first=True))[0] == shipped
    for wrong in (copy, copy.parent, tmp_path.parent):
        assert loading.rank_versions(Settings(models=wrong, shipped_first=True)) == []


@pytest.mark.parametrize(
    ("paths", "name", "sentence"),
    [
        (["mnist/3/saved_model.pb"], "mnist", "{}/mnist is the model's folder: name {}, which it is in."),
        (["mnist/3/saved_model.pb"], "mnist/3", "{}/mnist/3 is a version itself: name {}, which it is in."),
        (["a/3/saved_model.pb"], "a", "{}/a is the model's folder: move the versions to {}/a/mnist, and name {}/a."),
        (["a/saved_model.pb"], "a", "{}/a is a version itself: move the versions to {}/mnist, and name {}."),
        (["a/mnist/3/x"], "", "{} is not the folder of models: name {}/a."),
        (["cifar/3/x"], "", "{} has versions of cifar: the model that is served is called mnist; rename {}/cifar."),
        (["mnist/saved_model.pb"], "", "{}/mnist is a SavedModel without a number: move it to {}/mnist/1."),
        (["mnist/m.h5"], "", "{}/mnist/m.h5 is a Keras file, not a SavedModel: export it by"
                             ' keras.models.load_model("m.h5").export("{}/mnist/1").'),
        (["mnist/99999999999999999999/x"], "", "{}/mnist/99999999999999999999 is no version: numbers go up to"
                                               " 9223372036854775807."),
        (["mnist/candidates/1/x"], "", "There is no version in {}/mnist: put one there, as {}/mnist/1."),
        (["x"], "", "There is no version in {}/mnist: put one there, as {}/mnist/1."),
        (["x"], "gone", "{}/gone can't be read: no such file or directory."),
    ],
)  # fmt: skip
def test_a_folder_without_versions_says_what_to_name(
    tmp_path: Path, paths: list[str], name: str, sentence: str
) -> None:
    models = put_files(tmp_path, *paths) / name
    with pytest.raises(ModelError) as error:
        loading.load_default(Settings(models=models))
    assert str(error.value) == sentence.replace("{}", str(tmp_path))


def test_the_start_checks_that_the_folder_exists(tmp_path: Path) -> None:
    models_folder.check(Settings(models=tmp_path))
    with pytest.raises(SettingsError, match=r"MNIST_MODELS is '.*gone', which is wrong: there is no such folder"):
        models_folder.check(Settings(models=tmp_path / "gone"))
