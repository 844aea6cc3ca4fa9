"""The command `python -m training`, and a small data set for it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from tests.support.paths import ROOT
from tests.support.server import clean_environment
from training.__main__ import main
from training.data.datasets import Dataset


def run_training(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(_command(*arguments), cwd=ROOT, env=clean_environment(), capture_output=True, text=True)


def run_in_process(*arguments: object) -> Result:
    """Run the command in this process, where TensorFlow is imported once. It must succeed.

    A fit of the convnet needs a process of its own: it sets TensorFlow's threads before their first use.
    """
    result = CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def start_training(*arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        _command(*arguments), cwd=ROOT, env=clean_environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
    )  # fmt: skip


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "training", *map(str, arguments)]


def write_part(mnist: Dataset, folder: Path, train: int = 6000, test: int = 1000) -> Path:
    """Write the first images of MNIST as a file for --data.

    With a tenth of MNIST, the default, the command reads, fits and evaluates in 5.8 s instead of 8.3.
    """
    path = folder / "part.npz"
    np.savez(path, allow_pickle=False, **small(mnist, train, test).arrays())
    return path


def small(mnist: Dataset, train: int = 64, test: int = 32) -> Dataset:
    """Return the first images of MNIST."""
    return Dataset(mnist.x_train[:train], mnist.y_train[:train], mnist.x_test[:test], mnist.y_test[:test])
