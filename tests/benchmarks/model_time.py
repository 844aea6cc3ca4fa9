"""Time of one image in LiteRT, on one thread, by recipe: python tests/benchmarks/model_time.py.

All are measured in turn, in one run; the weights are not fitted, since they don't change the time.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from service.models.runtimes import LiteRT
from training.calibration import build_calibrated
from training.export import convert_to_litert, write_saved_model
from training.model.recipes import RECIPES

ROUNDS, CALLS = 30, 300


def load(recipe: str) -> LiteRT:
    """Export a recipe's network as the command does, and load it."""
    with tempfile.TemporaryDirectory() as folder:
        version = Path(folder) / "version"
        write_saved_model(build_calibrated(RECIPES[recipe].build(), temperature=1), version)
        convert_to_litert(version)
        return LiteRT(version)


def microseconds(runtime: LiteRT, image: np.ndarray) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        runtime.predict(image)
    return (time.perf_counter() - start) / CALLS * 1e6


def main() -> None:
    runtimes = {recipe: load(recipe) for recipe in RECIPES}
    image = np.random.default_rng(0).random((1, 784), np.float32)
    times: dict[str, list[float]] = {recipe: [] for recipe in RECIPES}
    for _ in range(ROUNDS):
        for recipe, runtime in runtimes.items():
            times[recipe].append(microseconds(runtime, image))
    best = {recipe: min(measured) for recipe, measured in times.items()}
    for recipe, value in best.items():
        print(f"{recipe:8} {value:6.1f} us, {value / best['dense']:.2f} times dense")


if __name__ == "__main__":
    main()
