"""Scenes on disk: the same seed draws the same files, whose targets are those of the scenes."""

from pathlib import Path

import numpy as np
import pytest

from training.data.datasets import Dataset
from training.finder import data
from training.synthetic import scenes
from training.synthetic.glyphs import GlyphSource


@pytest.fixture(scope="module")
def source(mnist: Dataset) -> GlyphSource:
    return GlyphSource(mnist.train[:200], letterform_ratio=0.4)


@pytest.fixture(scope="module")
def parts(source: GlyphSource, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    paths = [tmp_path_factory.mktemp("parts") / f"{number}.scenes" for number in range(2)]
    data.draw_parts(source, paths, 6, seed=1)
    return paths


def test_parts_differ_and_are_drawn_again_the_same(source: GlyphSource, parts: list[Path], tmp_path: Path) -> None:
    assert [len(data.map_part(path)) for path in parts] == [6, 6]
    assert parts[0].read_bytes() != parts[1].read_bytes()
    (tmp_path / "0.scenes").write_bytes(b"kept")
    paths = [tmp_path / "0.scenes", tmp_path / "1.scenes"]
    data.draw_parts(source, paths, 6, seed=1)
    assert paths[0].read_bytes() == b"kept"
    assert paths[1].read_bytes() == parts[1].read_bytes()


def test_targets_mark_each_digit(source: GlyphSource) -> None:
    rng = np.random.default_rng(0)
    drawn = [scenes.draw_digit(source.choose_glyph(rng), rng) for _ in range(10)]
    for scene, packed in zip(drawn, data.pack(drawn), strict=True):
        np.testing.assert_array_equal(packed["look"], scene.look)
        x, y = np.clip(scene.centers[0] // 4, 0, 31).astype(int)
        assert packed["centers"][y, x] == packed["centers"].max() > 0.7
        owned = packed["offsets"][..., 2] > 0
        np.testing.assert_array_equal(owned, scene.owner > 0)
        rows, columns = np.nonzero(owned)
        pointed = np.stack([columns, rows], axis=1) * 4 + 2 + packed["offsets"][rows, columns, :2] * 16.0
        np.testing.assert_allclose(pointed, np.tile(scene.centers[0], (len(rows), 1)), atol=0.1)


def test_an_empty_scene_has_no_targets() -> None:
    (packed,) = data.pack([scenes.draw_empty(np.random.default_rng(0))])
    assert not packed["ink"].any()
    assert not packed["centers"].any()
    assert not packed["offsets"].any()


def test_batches_are_full_and_hold_each_scene_once(parts: list[Path]) -> None:
    drawn = data.map_part(parts[0])
    batches = list(data.make_batches(drawn, 4, np.random.default_rng(0)))
    assert [looks.shape for looks, _ in batches] == [(4, 128, 128)]
    looks, targets = batches[0]
    assert {name: target.shape for name, target in targets.items()} == {
        "ink": (4, 128, 128), "centers": (4, 32, 32), "offsets": (4, 32, 32, 3),
    }  # fmt: skip
    assert 0 <= targets["ink"].min() <= targets["ink"].max() <= 1
    assert (
        len({look.tobytes() for look in looks} & {scene["look"].astype(np.float32).tobytes() for scene in drawn}) == 4
    )
