"""Images with a labelled box around each digit."""

import numpy as np
import pytest

from service.batch import drawings
from tests.support.images import is_color
from tests.support.readings import make_reading


@pytest.mark.parametrize(("confidence", "color"), [(0.9, drawings.SURE), (0.4, drawings.UNCERTAIN)])
def test_a_box_is_of_the_color_of_its_certainty(confidence: float, color: tuple[int, int, int]) -> None:
    drawing = np.asarray(
        drawings.draw(np.full((600, 400), 255, np.uint8), make_reading((7, confidence, [100, 200, 80, 120])))
    )
    colored = is_color(drawing, color)
    assert colored[198:200, 98:182].all()
    assert colored[320:322, 98:182].all()
    assert colored[198:322, 98:100].all()
    assert colored[198:322, 180:182].all()
    assert not colored[200:320, 100:180].any()
    label = colored[:198]
    assert 14 * 14 < label.sum() < 60 * 60
    assert (drawing[:198] == drawings.BLACK).all(axis=-1).any()  # the digit on it
    assert not colored[322:].any()


def test_boxes_and_labels_stay_in_the_image() -> None:
    boxes: list[list[float]] = [[-3, -3, 50, 605], [370, -1, 40, 30], [350, 560, 60, 50], [0, 580, 30, 30]]
    drawing = np.asarray(drawings.draw(np.zeros((600, 400), np.uint8), make_reading(*((1, 0.9, box) for box in boxes))))
    colored = is_color(drawing, drawings.SURE)
    for edge in (colored[0, :40], colored[:, 0], colored[-1, :30], colored[:30, -1], colored[570:, -1]):
        assert edge.all()


@pytest.mark.parametrize(
    ("side", "shown"), [(28, 560), (100, 500), (600, 600), (2000, 2000), (3000, drawings.MAX_DRAWING_PX)]
)
def test_small_images_are_enlarged_and_large_ones_reduced(side: int, shown: int) -> None:
    box = [side / 4, side / 4, side / 2, side / 2]
    drawing = drawings.draw(np.zeros((side // 2, side), np.uint8), make_reading((3, 0.9, box)))
    assert drawing.size == (shown, shown // 2)
    columns = np.flatnonzero(is_color(np.asarray(drawing), drawings.SURE).any(axis=0))
    assert (columns[0], columns[-1]) == (shown // 4 - drawings.LINE_PX, 3 * shown // 4 + drawings.LINE_PX - 1)
