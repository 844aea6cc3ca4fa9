"""Digits are split along the paths of least ink, and parts are joined."""

import numpy as np

from service.inference import variants
from service.preparation.finder import LocatedDigit
from tests.support.readings import digit_at


def test_a_seam_follows_a_slanting_gap() -> None:
    rows, columns = np.indices((40, 60))
    gap = 40 - rows / 2  # at each row, the middle of the gap
    ink = (abs(columns - gap) > 2).astype(np.float32)
    seams = variants.find_seams(ink)
    assert seams.shape == (3, 40)
    surest = min(seams, key=lambda seam: ink[np.arange(40), seam].sum())
    assert ink[np.arange(40), surest].sum() == 0
    assert (abs(np.diff(surest)) <= 1).all()


def test_a_digit_is_split_where_it_has_least_ink() -> None:
    ink = np.ones((40, 60), np.float32)
    ink[:, 25:28] = 0
    ink[:10, 28:] = 0
    splits = list(variants.split_digit(LocatedDigit(ink, (100, 200, 30, 20))))
    left, right = splits[1]
    assert left.ink.shape == (40, 25)
    assert left.box == (100, 200, 12.5, 20)
    assert right.ink.shape == (30, 32)
    assert right.box == (114, 205, 16, 15)


def test_no_ink_is_lost_or_doubled() -> None:
    ink = (np.random.default_rng(0).random((50, 45)) > 0.3).astype(np.float32)
    for left, right in variants.split_digit(LocatedDigit(ink, (0, 0, 45, 50))):
        assert left.ink.sum() + right.ink.sum() == ink.sum()


def test_narrow_digits_and_low_halves_are_not_split_off() -> None:
    assert list(variants.split_digit(digit_at(0, 0, 20, 40))) == []
    ink = np.ones((40, 60), np.float32)
    ink[20:, 30:] = 0
    assert list(variants.split_digit(LocatedDigit(ink, (0, 0, 60, 40)))) != []
    ink[10:, 5:] = 0
    assert list(variants.split_digit(LocatedDigit(ink, (0, 0, 60, 40)))) == []


def test_what_is_joined_has_the_ink_of_both_and_the_box_around_them() -> None:
    joined = variants.join_parts(digit_at(10, 20, 10, 30), digit_at(25, 30, 10, 30))
    assert joined.box == (10, 20, 25, 40)
    assert joined.ink.shape == (40, 25)
    assert joined.ink.sum() == 2 * 10 * 30
