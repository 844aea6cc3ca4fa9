"""Both runtimes: batches of any size agree, also from several threads, and TensorFlow runs what others export."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from service.models.runtimes import LITERT_MAX_CHUNK, SIGNATURE, TENSORFLOW_MAX_CHUNK, LiteRT, Runtime, TensorFlow
from service.preparation.normalize import to_vectors
from training.data.datasets import Dataset

MAX_DIFFERENCE = 1e-5  # TensorFlow's own outputs for batches and for single images differ by as much
SIZES = (
    1,
    2,
    LITERT_MAX_CHUNK,
    LITERT_MAX_CHUNK + 1,
    TENSORFLOW_MAX_CHUNK - 1,
    TENSORFLOW_MAX_CHUNK,
    TENSORFLOW_MAX_CHUNK + 1,
    2 * TENSORFLOW_MAX_CHUNK,
    2 * TENSORFLOW_MAX_CHUNK + 1,
    1000,
    1,
)


@pytest.fixture(scope="module", params=[LiteRT, TensorFlow])
def runtime(request: pytest.FixtureRequest, shipped: Path) -> Runtime:
    load: Callable[[Path], Runtime] = request.param
    return load(shipped)


@pytest.fixture(scope="module")
def alone(runtime: Runtime, mnist: Dataset) -> NDArray[np.float32]:
    """The answers to single images."""
    return np.concatenate([runtime.predict(vector) for vector in to_vectors(mnist.x_test[:1000])[:, np.newaxis]])


def test_batches_of_every_size_are_answered_as_single_images_are(
    runtime: Runtime, mnist: Dataset, alone: NDArray[np.float32]
) -> None:
    for size in SIZES:
        answers = runtime.predict(to_vectors(mnist.x_test[:size]))
        assert (answers.shape, str(answers.dtype)) == ((size, 10), "float32")
        np.testing.assert_allclose(answers, alone[:size], rtol=0, atol=MAX_DIFFERENCE)


def test_threads_do_not_mix(runtime: Runtime, mnist: Dataset, alone: NDArray[np.float32]) -> None:
    def ask(number: int) -> None:
        start, size = 7 * number, 1 if number % 2 else 1 + 3 * number
        answers = runtime.predict(to_vectors(mnist.x_test[start : start + size]))
        np.testing.assert_allclose(answers, alone[start : start + size], rtol=0, atol=MAX_DIFFERENCE)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(100)))


def test_tensorflow_answers_exactly_as_the_savedmodels_own_signature(shipped: Path, mnist: Dataset) -> None:
    model, runtime = tf.saved_model.load(str(shipped)), TensorFlow(shipped)
    for vector in to_vectors(mnist.x_test[:100])[:, np.newaxis]:
        expected = model.signatures[SIGNATURE](image=tf.constant(vector))["probabilities"].numpy()
        np.testing.assert_array_equal(runtime.predict(vector), expected)
