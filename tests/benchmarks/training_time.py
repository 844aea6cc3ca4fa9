"""Time of the whole training command against a bare Keras script: python tests/benchmarks/training_time.py.

The command's evaluation on uploads, which the script has nothing like, is cut to one of each condition.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
ROUNDS = 3

BARE = """
import numpy as np, keras
from keras import layers
keras.utils.set_random_seed(0)
with np.load("training/mnist.npz") as file:
    x, y, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
x, x_test = (images.reshape((-1, 784)).astype("float32") / 255 for images in (x, x_test))
model = keras.Sequential(
    [layers.Input((784,)), layers.Dense(512, activation="relu"), layers.Dense(10, activation="softmax")]
)
model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=5, batch_size=128)
model.evaluate(x_test, y_test)
"""


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    bare, ours = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as models:
            ours.append(seconds("-m", "training", "--recipe", "dense", "--evaluate-on", "1", "--models", models))
        bare.append(seconds("-c", BARE))
    ratio = median(ours) / median(bare)
    print(f"bare Keras {median(bare):.1f} s, python -m training {median(ours):.1f} s: ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
