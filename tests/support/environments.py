"""Python environments for tools that pin other versions than the project."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.lock import lock


def make_environment(folder: Path, *packages: str) -> Path:
    """Install packages in an environment that later runs use again, and return its Python. Skip where pip fails."""
    python, marker = folder / "bin" / "python", folder / "whole"
    with lock(folder.parent / f"{folder.name}.lock"):
        if not marker.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
            # To compile all modules of a tool takes 16 of 21 s, and it imports few of them.
            options = ("--python", str(folder), "install", "--quiet", "--disable-pip-version-check", "--no-compile")
            pip = [sys.executable, "-m", "pip", *options, *packages]
            result = subprocess.run(pip, capture_output=True, text=True)
            if result.returncode:
                pytest.skip(f"pip can't install {' and '.join(packages)}: {result.stderr.strip().splitlines()[-1]}")
            marker.touch()
    return python
