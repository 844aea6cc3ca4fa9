"""Measures the images a second that the machine allows without a server."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from tests.benchmarks.comparison.jobs import BATCH, PNG
from tests.benchmarks.comparison.servers import bare

PROCESSES = 2


def measure_rate(prepare: Callable[[], Callable[[], object]], images: int, seconds: float) -> float:
    """Return the images a second of a repeated call with `images` images."""
    call, calls = prepare(), 0
    call()
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        call()
        calls += 1
    return calls * images / (time.perf_counter() - start)


def decode() -> Callable[[], object]:
    return lambda: bare.decode(PNG)


def predict() -> Callable[[], object]:
    model, pixels = bare.Model(), bare.decode(PNG)
    return lambda: model.probabilities(pixels)


def predict_batch() -> Callable[[], object]:
    model, pixels = bare.Model(BATCH), bare.decode(PNG).repeat(BATCH, 0)
    return lambda: model.probabilities(pixels)


def predict_by_tensorflow() -> Callable[[], object]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model, pixels = tf.saved_model.load(str(bare.newest())), bare.decode(PNG)
    function = model.signatures["serving_default"]
    return lambda: (model, function(image=tf.constant(pixels))["probabilities"].numpy())


LIMITS = {
    "Pillow's decode": (decode, 1),
    "LiteRT, 1 image a call": (predict, 1),
    "TensorFlow's function, 1 image a call": (predict_by_tensorflow, 1),
    f"LiteRT, {BATCH:,} images a call": (predict_batch, BATCH),
}


def measure(name: str, seconds: float) -> float:
    """Return the images a second of all processes together."""
    prepare, images = LIMITS[name]
    with ProcessPoolExecutor(PROCESSES) as pool:
        return sum(pool.map(measure_rate, [prepare] * PROCESSES, [images] * PROCESSES, [seconds] * PROCESSES))
