"""A fitted finder as the LiteRT model that the service runs."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from service.models.runtimes import SIGNATURE
from service.preparation.finder import NETWORK, Finder
from service.preparation.looks import SIDE_PX
from training.errors import ExportError

TOLERANCE = 0.03  # mean difference of LiteRT's answers from Keras'; 0.0006 of ink and 0.013 of offsets were seen


def write(network: keras.Model, folder: Path, looks: NDArray[np.uint8]) -> None:
    """Write a network as model.tflite in a new folder, and check that it answers looks as the network does.

    It takes `image` float32 (n, 128, 128), and gives ink (n, 128, 128) and centers (n, 32, 32) in [0, 1], and offsets
    (n, 32, 32, 2).

    Args:
        network: gives logits.
        folder: is made.
        looks: uint8 (n, 128, 128).

    Raises:
        ExportError: the answers differ by over 0.03 on average, or a file can't be written.

    """
    folder.mkdir()
    try:
        (folder / NETWORK).write_bytes(_convert(network))
    except tf.errors.OpError as error:
        raise ExportError(f"{folder / NETWORK} can't be made: {error.message}.") from error
    _compare(network, Finder(folder / NETWORK), looks)


def _answer(network: keras.Model, image: tf.Tensor) -> dict[str, tf.Tensor]:
    logits = network(image, training=False)
    return {**logits, **{name: ops.sigmoid(logits[name]) for name in ("ink", "centers")}}


def _convert(network: keras.Model) -> bytes:
    """Convert by way of a SavedModel: of the network itself, the converter makes a model whose answers are NaN.

    Weights are int8, and activations while a convolution computes: less than half the time (1.3 ms to 2.8), a quarter
    of the size, and as many of 2,237 labelled images read right as in float32.
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    image = tf.TensorSpec((None, SIDE_PX, SIDE_PX), tf.float32, name="image")
    archive.add_endpoint(SIGNATURE, lambda image: _answer(network, image), input_signature=[image])
    with tempfile.TemporaryDirectory() as saved:
        archive.write_out(saved, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converted: bytes = converter.convert()
    return converted


def _compare(network: keras.Model, finder: Finder, looks: NDArray[np.uint8]) -> None:
    expected = _answer(network, tf.constant(looks, tf.float32))
    for name, tensor in expected.items():
        marked = np.stack([getattr(marks, name) for marks in finder.mark(looks)])
        difference = np.abs(marked - tensor.numpy()).mean()
        if not difference <= TOLERANCE:  # so that NaN is refused too
            raise ExportError(
                f"LiteRT's {name} differs from the network's by {difference:.1e} on average, over {TOLERANCE}."
            )
