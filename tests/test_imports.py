"""The rooms of the house: which may import which is in pyproject.toml, and import-linter holds them to it."""

import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT


def test_imports_go_one_way() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout
