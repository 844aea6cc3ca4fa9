"""The command `python -m training`, and a small data set for it."""

import subprocess
import sys
from collections.abc import Callable

from tests.support.paths import ROOT
from tests.support.server import clean_environment
from training.data.datasets import Dataset

Training = Callable[..., subprocess.CompletedProcess[str]]


def start_training(*arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "training", *map(str, arguments)], cwd=ROOT, env=clean_environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options,
    )  # fmt: skip


def small(mnist: Dataset) -> Dataset:
    return Dataset(mnist.x_train[:64], mnist.y_train[:64], mnist.x_test[:32], mnist.y_test[:32])
