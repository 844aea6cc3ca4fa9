"""What is neither Python nor checked elsewhere, by the tools for it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import service
from tests.support.paths import ROOT

LINTERS = [("hadolint", "Dockerfile"), ("shellcheck", "deploy/roll.sh"), ("shellcheck", ".ci/run")]


@pytest.mark.parametrize(("linter", "file"), LINTERS)
def test_nothing_is_found_in(linter: str, file: str) -> None:
    command = Path(sys.executable).with_name(linter)
    if not command.exists():
        pytest.skip(f"{linter} is not for this machine")
    done = subprocess.run([command, file], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_images_have_the_version_of_the_package() -> None:
    (version,) = re.findall(r"^ARG VERSION=(.+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert version == service.__version__
