"""How well confidence tells digits from others: python tests/benchmarks/no_digit.py VERSION...

MNIST's test images against Fashion-MNIST's, of Debian's package dataset-fashion-mnist, which nothing is fitted to.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from service import models, versions
from training import data
from training.evaluate import answer

FASHION = "/usr/share/datasets/fashion-mnist"


def main(folders: list[str]) -> None:
    digits, others = data.load().test, data.load(FASHION).test
    print("| version | area under the ROC curve | digits uncertain | others uncertain |\n|---|--:|--:|--:|")
    for version in map(Path, folders):
        runtime, threshold = models.open_runtime(version), versions.read_card(version).calibration.threshold
        confidences = [answer(runtime, images).confidences for images in (digits, others)]
        is_digit = np.repeat([True, False], [len(digits), len(others)])
        area = roc_auc_score(is_digit, np.concatenate(confidences))
        uncertain = [f"{(part < threshold).mean():.2%}" for part in confidences]
        print(f"| {version} | {area:.4f} | {' | '.join(uncertain)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
