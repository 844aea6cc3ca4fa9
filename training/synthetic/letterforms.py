"""Digits as pens write them, stroke by stroke: forms of many countries' hands, where MNIST has one country's."""

import numpy as np
from numpy.random import Generator

from training.synthetic.forms import eights, fives, fours, nines, ones, sevens, sixes, threes, twos, zeros
from training.synthetic.strokes import Stroke, bend, fit_to_height, tremble

# The place in the list is the digit.
FORMS = [module.FORMS for module in (zeros, ones, twos, threes, fours, fives, sixes, sevens, eights, nines)]


def write(digit: int, rng: Generator) -> list[Stroke]:
    """Return the strokes of a digit in a random hand, within a box of height 1 that begins at (0, 0)."""
    forms, weights = zip(*FORMS[digit], strict=True)
    form = forms[rng.choice(len(forms), p=np.array(weights) / sum(weights))]
    return fit_to_height([tremble(stroke, rng) for stroke in bend(form(rng), rng)])
