"""The scenes that a finder is fitted to, with the targets of its network: drawn on all cores, kept in files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from service import parallel
from service.preparation.finder import CELLS
from service.preparation.looks import LOOK_SIDE_PX
from service.preparation.segmentation import CELL_PX, OFFSET_UNIT_PX
from training.synthetic import scenes
from training.synthetic.glyphs import GlyphSource
from training.synthetic.scenes import Scene

CENTER_SIGMA_CELLS = 1.0  # the standard deviation of a center's mark
SCENES_PER_CHUNK = 100  # drawn by a process at once
IMAGES_PER_SCENE = 3  # sent to a process: more than a scene has, on average

# A scene of 41 kB: the look that the network sees, and its targets.
SCENE_DTYPE = np.dtype(
    [
        ("look", np.uint8, (LOOK_SIDE_PX, LOOK_SIDE_PX)),
        ("ink", np.uint8, (LOOK_SIDE_PX, LOOK_SIDE_PX)),  # of 255
        ("centers", np.float16, (CELLS, CELLS)),  # 1 at the center of a digit
        ("offsets", np.float16, (CELLS, CELLS, 3)),  # x and y from a cell to its digit's center; 1 where there is ink
    ]
)

Scenes = NDArray[np.void]  # of the dtype SCENE_DTYPE
Targets = dict[str, NDArray[np.float32]]
SceneBatch = tuple[NDArray[np.float32], Targets]
Task = tuple[GlyphSource, int, tuple[int, ...]]


def draw_parts(source: GlyphSource, paths: Sequence[Path], size: int, seed: int) -> None:
    """Draw `size` scenes to each path that has no file yet. The same seed gives the same files.

    A file is written whole or not at all. Files keep the memory small, and are not drawn again after an interruption.
    """
    missing = [(number, path) for number, path in enumerate(paths) if not path.exists()]
    if not missing:
        return
    with parallel.pool() as pool, click.progressbar(length=size * len(missing), label="Drawing scenes") as bar:
        for number, path in missing:
            pending = [parallel.submit(pool, _draw, task) for task in _tasks(source, size, (seed, number))]
            unfinished = path.with_suffix(".unfinished")
            with open(unfinished, "wb") as file:
                for future in pending:
                    file.write(future.result().tobytes())
                    bar.update(len(future.result()))
            unfinished.replace(path)


def _tasks(source: GlyphSource, count: int, seed: tuple[int, ...]) -> Iterator[Task]:
    for start in range(0, count, SCENES_PER_CHUNK):
        size = min(SCENES_PER_CHUNK, count - start)
        rng = np.random.default_rng((*seed, start))
        images = len(source.digits)
        indices = rng.choice(images, min(size * IMAGES_PER_SCENE, images), replace=False)
        yield GlyphSource(source.digits[indices], source.letterform_ratio), size, (*seed, start)


def _draw(task: Task) -> Scenes:
    cv2.setNumThreads(1)  # since there is a process for each core
    source, count, seed = task
    rng = np.random.default_rng(seed)
    return pack([scenes.draw(source, rng) for _ in range(count)])


def map_part(path: Path) -> Scenes:
    """Map the scenes in a file, which are read from the disk when they are used."""
    return np.memmap(path, SCENE_DTYPE, "r")


def pack(drawn: Sequence[Scene]) -> Scenes:
    """Pack scenes into an array of the dtype `SCENE_DTYPE`."""
    packed = np.empty(len(drawn), SCENE_DTYPE)
    for row, scene in zip(packed, drawn, strict=True):
        row["look"], row["ink"] = scene.look, scene.ink
        row["centers"], row["offsets"] = _make_targets(scene)
    return packed


def _make_targets(scene: Scene) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the targets of a scene: centers and offsets."""
    middles = (np.arange(CELLS, dtype=np.float32) + 0.5) * CELL_PX
    x, y = np.exp(-(((scene.centers.T[:, :, None] - middles) / CELL_PX / CENTER_SIGMA_CELLS) ** 2) / 2)
    centers = (y[:, :, None] * x[:, None, :]).max(axis=0, initial=0)
    owner = np.vstack([np.zeros(2, np.float32), scene.centers])[scene.owner]
    offsets = (owner - np.stack(np.meshgrid(middles, middles), axis=-1)) / OFFSET_UNIT_PX
    inked = (scene.owner > 0)[..., None]
    return centers, np.concatenate([offsets * inked, inked], axis=-1)


def make_batches(drawn: Scenes, size: int, rng: Generator) -> Iterator[SceneBatch]:
    """Yield scenes in a random order, in full batches: looks float32 (size, 128, 128), and their targets."""
    order = rng.permutation(len(drawn))
    for start in range(0, len(order) - size + 1, size):
        rows = drawn[np.sort(order[start : start + size])]
        targets = {name: rows[name].astype(np.float32) for name in ("ink", "centers", "offsets")}
        targets["ink"] /= 255
        yield rows["look"].astype(np.float32), targets
