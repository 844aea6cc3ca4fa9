"""What the images hold: the same from each build, what the lock says, and a bill of it."""

import hashlib
import json
import tarfile
from tempfile import TemporaryFile
from typing import Any

import docker
import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import service
from tests.support.containers import built_without_cache, run
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

LIST = "import importlib.metadata as m, json; print(json.dumps([(d.name, d.version) for d in m.distributions()]))"
WITH_THE_BASE = {"pip"}  # what the base image has of its own


@pytest.fixture(params=["serving", "training"])
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def built(target: str, image: str, training_image: str) -> str:
    return {"serving": image, "training": training_image}[target]


@pytest.fixture
def bill(engine: docker.DockerClient, built: str) -> Any:
    return json.loads(run(engine, built, "sbom.cdx.json", entrypoint="cat"))


@pytest.fixture
def packages(engine: docker.DockerClient, built: str) -> dict[str, str]:
    listed = run(engine, built, ["-c", LIST], entrypoint="python")
    return {canonicalize_name(name): version for name, version in json.loads(listed)}


def test_its_bill_of_materials_has_all_packages_and_the_service(bill: Any, packages: dict[str, str]) -> None:
    parsed = Bom.from_json(bill)  # type: ignore[attr-defined]
    assert {canonicalize_name(each.name): each.version for each in parsed.components} == packages
    root = parsed.metadata.component
    assert isinstance(root, Component)
    assert (root.name, root.version) == ("mnist-service", service.__version__)


def test_its_packages_are_those_of_the_lock(target: str, packages: dict[str, str]) -> None:
    lines = (ROOT / "deploy" / f"requirements-{target}.txt").read_text().replace("\\\n", "").splitlines()
    locked = [Requirement(line.split(" --hash")[0]) for line in lines]
    environment = {"python_version": "3.13", "python_full_version": "3.13.0"}
    expected = {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in locked
        if each.marker is None or each.marker.evaluate(environment)
    }
    assert {name: version for name, version in packages.items() if name not in WITH_THE_BASE} == expected


def test_its_labels_say_what_it_is(engine: docker.DockerClient, built: str) -> None:
    labels = engine.images.get(built).labels
    said = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert said.keys() == {"title", "description", "version", "licenses", "base.name"}
    assert said["version"] == service.__version__
    assert said["base.name"] == "python:3.13-slim"


def test_another_build_holds_the_same_files(engine: docker.DockerClient, image: str) -> None:
    with built_without_cache(engine, "serving") as again:
        assert files(engine, again) == files(engine, image)


def files(engine: docker.DockerClient, image: str) -> dict[str, tuple[object, ...]]:
    """Give all that an image has of each file, but its time."""
    container = engine.containers.create(image)
    try:
        with TemporaryFile() as file:
            file.writelines(container.export())
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                return {each.name: (each.mode, each.uid, each.gid, content(archive, each)) for each in archive}
    finally:
        container.remove()


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = archive.extractfile(member) if member.isfile() else None
    return hashlib.sha256(file.read()).hexdigest() if file else member.linkname
