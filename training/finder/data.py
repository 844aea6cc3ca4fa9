"""The scenes that a finder is fitted to, and what its network is to answer: drawn on all cores, kept in files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service import parallel
from service.preparation.finder import CELLS
from service.preparation.looks import SIDE_PX
from service.preparation.segmentation import CELL_PX, OFFSET_UNIT_PX
from training.synthetic import scenes
from training.synthetic.glyphs import Source
from training.synthetic.scenes import Scene

SPREAD_CELLS = 1.0  # the standard deviation of a center's mark
CHUNK = 100  # scenes that a process draws at once
IMAGES_PER_SCENE = 3  # that a process is given to choose from: more than a scene has, on average

# Scenes, 41 kB each: what the network sees, and what it is to answer.
SCENE = np.dtype(
    [
        ("look", np.uint8, (SIDE_PX, SIDE_PX)),
        ("ink", np.uint8, (SIDE_PX, SIDE_PX)),  # of 255
        ("centers", np.float16, (CELLS, CELLS)),  # 1 at the center of a digit
        (
            "offsets",
            np.float16,
            (CELLS, CELLS, 3),
        ),  # x and y from each cell to its digit's center, 1 where there is ink
    ]
)

Scenes = NDArray[np.void]  # of the dtype SCENE
Targets = dict[str, NDArray[np.float32]]
Batch = tuple[NDArray[np.float32], Targets]
Task = tuple[Source, int, tuple[int, ...]]


def draw_parts(source: Source, paths: Sequence[Path], size: int, seed: int) -> None:
    """Draw the scenes of each part that has no file yet, `size` in each; the same seed gives the same files.

    A file is written whole or not at all. That they are files keeps them from being drawn again after an interruption,
    and the memory small.
    """
    missing = [(number, path) for number, path in enumerate(paths) if not path.exists()]
    if not missing:
        return
    with parallel.pool() as pool, click.progressbar(length=size * len(missing), label="Draws scenes") as bar:
        for number, path in missing:
            pending = [parallel.submit(pool, _draw, task) for task in _tasks(source, size, (seed, number))]
            unfinished = path.with_suffix(".unfinished")
            with open(unfinished, "wb") as file:
                for drawn in pending:
                    file.write(drawn.result().tobytes())
                    bar.update(len(drawn.result()))
            unfinished.replace(path)


def _tasks(source: Source, count: int, seed: tuple[int, ...]) -> Iterator[Task]:
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        rng = np.random.default_rng((*seed, start))
        images = len(source.digits)
        chosen = rng.choice(images, min(size * IMAGES_PER_SCENE, images), replace=False)
        yield Source(source.digits[chosen], source.hands), size, (*seed, start)


def _draw(task: Task) -> Scenes:
    cv2.setNumThreads(1)  # there is a process for each core
    source, count, seed = task
    rng = np.random.default_rng(seed)
    return pack([scenes.draw(source, rng) for _ in range(count)])


def load_part(path: Path) -> Scenes:
    """Open the scenes in a file, which stay there until they are looked at."""
    return np.memmap(path, SCENE, "r")


def pack(drawn: Sequence[Scene]) -> Scenes:
    """Pack scenes into an array of the dtype `SCENE`."""
    packed = np.empty(len(drawn), SCENE)
    for row, scene in zip(packed, drawn, strict=True):
        row["look"], row["ink"] = scene.look, scene.ink
        row["centers"], row["offsets"] = _mark(scene)
    return packed


def _mark(scene: Scene) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what the network is to answer of a scene's centers and offsets."""
    middles = (np.arange(CELLS, dtype=np.float32) + 0.5) * CELL_PX
    x, y = np.exp(-(((scene.centers.T[:, :, None] - middles) / CELL_PX / SPREAD_CELLS) ** 2) / 2)
    centers = (y[:, :, None] * x[:, None, :]).max(axis=0, initial=0)
    owner = np.vstack([np.zeros(2, np.float32), scene.centers])[scene.owner]
    offsets = (owner - np.stack(np.meshgrid(middles, middles), axis=-1)) / OFFSET_UNIT_PX
    inked = (scene.owner > 0)[..., None]
    return centers, np.concatenate([offsets * inked, inked], axis=-1)


def batches(drawn: Scenes, size: int, rng: Generator) -> Iterator[Batch]:
    """Yield scenes in a new order, in whole batches: looks float32 (size, 128, 128), and what is to be answered."""
    order = rng.permutation(len(drawn))
    for start in range(0, len(order) - size + 1, size):
        chosen = drawn[np.sort(order[start : start + size])]
        targets = {name: chosen[name].astype(np.float32) for name in ("ink", "centers", "offsets")}
        targets["ink"] /= 255
        yield chosen["look"].astype(np.float32), targets
