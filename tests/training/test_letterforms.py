"""Letterforms: their box, and whether the service reads them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.inference.predictor import Predictor
from service.models import loading
from service.preparation.finder import Finder
from service.settings import Settings
from training.synthetic import letterforms
from training.synthetic.glyphs import WrittenDigit
from training.synthetic.rendering import BLACK, WHITE, draw_page, encode_image


def test_each_digit_has_its_forms() -> None:
    assert len(letterforms.FORMS) == 10
    assert all(letterforms.FORMS)


@given(digit=st.integers(0, 9), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_a_letterform_is_in_a_box_of_its_height(digit: int, seed: int) -> None:
    strokes = letterforms.write(digit, np.random.default_rng(seed))
    points = np.concatenate(strokes)
    np.testing.assert_allclose(points.min(axis=0), 0, atol=1e-9)
    assert 0.5 < points[:, 1].max() < 1.001
    again = letterforms.write(digit, np.random.default_rng(seed))
    np.testing.assert_array_equal(points, np.concatenate(again))


def test_the_service_reads_letterforms(finder: Finder) -> None:
    rng, files = np.random.default_rng(0), []
    labels = list(range(10)) * 6
    for label in labels:
        ink = np.zeros((200, 240), np.float32)
        WrittenDigit.write(label, rng).draw(ink, (70, 40), 120, 8)
        files.append(encode_image(draw_page(ink, WHITE, BLACK)))
    predictor = Predictor(loading.load_default(Settings()), finder, Settings())
    predictions = predictor.predict([predictor.prepare(file) for file in files])
    right = sum(prediction.digit == label for prediction, label in zip(predictions, labels, strict=True))
    assert right >= 55  # 60 were seen
