"""Measures how well confidence separates digits from other images: python tests/benchmarks/no_digit.py VERSION...

MNIST's test images against Fashion-MNIST's, of Debian's package dataset-fashion-mnist, and against letters in
matplotlib's STIX and Computer Modern fonts: nothing is fitted to either.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from sklearn.metrics import roc_auc_score

from service.models import loading, store
from service.preparation.normalize import center_ink, to_vectors
from training.data import datasets
from training.evaluate import predict_digits
from training.synthetic.outliers import LETTERS

FASHION = "/usr/share/datasets/fashion-mnist"
FONTS = (
    "STIXGeneral.ttf",
    "STIXGeneralBol.ttf",
    "STIXGeneralItalic.ttf",
    "cmr10.ttf",
    "cmss10.ttf",
    "cmtt10.ttf",
    "cmb10.ttf",
)
SIZES_PX = range(40, 100, 6)


def draw_letters() -> NDArray[np.uint8]:
    """Draw letters that look like no digit in MNIST's form, uint8 (n, 28, 28)."""
    return np.stack([center_ink(np.asarray(image, np.float32) / np.float32(255)) for image in _letters()])


def _letters() -> Iterator[Image.Image]:
    for name in FONTS:
        for size in SIZES_PX:
            font = ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / name, size)
            for letter in filter(str.isalpha, LETTERS):
                left, top, right, bottom = map(round, font.getbbox(letter))
                image = Image.new("L", (right - left, bottom - top))
                ImageDraw.Draw(image).text((-left, -top), letter, 255, font)
                yield image


def main(folders: list[str]) -> None:
    """Print a row for each version."""
    digits, clothes, letters = datasets.load().test, datasets.load(FASHION).test, draw_letters()
    print(
        "| version | ROC area, clothes | ROC area, letters | digits uncertain | clothes uncertain |\n"
        "|---|--:|--:|--:|--:|"
    )
    for version in map(Path, folders):
        runtime, threshold = loading.load_runtime(version), store.read_card(version).calibration.threshold
        sure, *unsure = (
            predict_digits(runtime, digits).confidences,
            predict_digits(runtime, clothes).confidences,
            runtime.predict(to_vectors(letters)).max(axis=1),
        )
        areas = [
            roc_auc_score(np.repeat([True, False], [len(sure), len(part)]), np.concatenate([sure, part]))
            for part in unsure
        ]
        uncertain = [f"{(part < threshold).mean():.2%}" for part in (sure, unsure[0])]
        print(f"| {version} | {areas[0]:.4f} | {areas[1]:.4f} | {' | '.join(uncertain)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
