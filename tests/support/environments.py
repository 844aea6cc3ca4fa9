"""Python environments for tools that pin other versions than the project."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.lock import lock


def make_environment(folder: Path, *packages: str) -> Path:
    """Install packages in an environment that later runs use again, and return its Python. Skip where uv fails."""
    python, marker = folder / "bin" / "python", folder / "whole"
    with lock(folder.parent / f"{folder.name}.lock"):
        if not marker.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
            # KServe's SDK takes uv 1.3 s of processor time, and pip 5.7 s.
            uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python), *packages]
            result = subprocess.run(uv, capture_output=True, text=True)
            if result.returncode:
                pytest.skip(f"uv can't install {' and '.join(packages)}: {result.stderr.strip().splitlines()[-1]}")
            marker.touch()
    return python
