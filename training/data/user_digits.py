"""The user's own digits: images in folders 0 to 9 and `none`, prepared by the service's own code."""

import hashlib
from pathlib import Path

import numpy as np

from service.feedback.store import NO_DIGIT as NO_DIGIT_FOLDER
from service.preparation import normalize
from service.preparation.finder import Finder
from training.data import image_folders
from training.data.batches import NO_DIGIT
from training.data.datasets import Digits

HELD_OUT_RATIO = 1 / 5  # of the user's digits, where a fit goes on from a version
LABELS = {**image_folders.DIGIT_FOLDERS, NO_DIGIT_FOLDER: NO_DIGIT}


def load(folder: Path, finder: Finder) -> tuple[Digits, list[str]]:
    """Read every image in the folders of a folder; return the digits, and a sentence for each unreadable file.

    Images in the folder `none` have the label `NO_DIGIT`. Those in which the finder finds nothing are left out, since
    the service refuses them already.

    Raises:
        DataError: there is no such folder, it has no folders 0 to 9, or no file in them can be read.

    """
    *arrays, unreadable = image_folders.prepare_all(folder, lambda image: normalize.prepare(image, finder), LABELS)
    return Digits(*arrays), unreadable


def hold_out(digits: Digits) -> tuple[Digits, Digits]:
    """Return the digits to fit to, and about one in five, which is held out.

    An image is held out by its content: it is so in every fit, and no version has been fitted to it.
    """
    shares = [int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:8]) / 2**64 for image in digits.images]
    is_held_out = np.array(shares) < HELD_OUT_RATIO
    return digits[~is_held_out], digits[is_held_out]
