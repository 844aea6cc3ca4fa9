"""Conditions: every one draws a digit, and the same seed draws the same files."""

import numpy as np
import pytest

from service.preparation import decode
from training.data.datasets import Dataset
from training.synthetic.conditions import CONDITIONS, choose_tasks, draw_task, draw_uploads


def test_the_same_seed_makes_the_same_files(mnist: Dataset) -> None:
    first, again, other = (list(draw_uploads(mnist.train, 1, seed)) for seed in (1, 1, 2))
    assert first == again
    assert [upload.condition for upload in first] == list(CONDITIONS)
    assert all(left.data != right.data for left, right in zip(first, other, strict=True))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_draws_an_image_with_contrast(condition: str, mnist: Dataset) -> None:
    rng = np.random.default_rng(0)
    for digit in mnist.x_train[:3]:
        image = decode.decode(CONDITIONS[condition](digit, rng), 10**8, 1)
        assert (image.ndim, str(image.dtype)) == (2, "uint8")
        assert int(image.max()) - int(image.min()) > 60


def test_tasks_have_as_many_digits_as_asked_or_all(mnist: Dataset) -> None:
    assert [len(task.digits) for task in choose_tasks(mnist.train, 7, seed=0)] == [7] * len(CONDITIONS)
    (task, *_) = choose_tasks(mnist.train[:5], 7, seed=0)
    assert sorted(task.digits.labels) == sorted(mnist.train[:5].labels)
    assert [upload.label for upload in draw_task(task)] == task.digits.labels.tolist()
