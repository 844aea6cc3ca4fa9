"""The finder's network, which marks the ink of digits in a look, their centers, and each cell's offset to a center."""

from typing import Any

import keras
from keras import layers, ops

from service.preparation.looks import LOOK_SIDE_PX

CONTRAST_FLOOR_LEVELS = 4.0  # added to the standard deviation, so that noise in a blank image is not taken for ink


def build(width: float = 1.0) -> keras.Model:
    """Build a network from looks float32 (n, 128, 128), levels of 0 to 255, to logits and offsets.

    The outputs are the logits of ink (n, 128, 128) and of centers (n, 32, 32), and offsets (n, 32, 32, 2): x, y from
    each cell to the center of the digit whose ink is in it, in units of 16 pixels.
    """
    channels = [round(width * count / 4) * 4 for count in (12, 24, 48, 72, 80)]
    image = keras.Input((LOOK_SIDE_PX, LOOK_SIDE_PX), name="image")
    level = ops.expand_dims(image, -1)
    level = level - ops.mean(level, axis=(1, 2, 3), keepdims=True)
    spread = ops.sqrt(ops.mean(ops.square(level), axis=(1, 2, 3), keepdims=True))
    level = level / (spread + CONTRAST_FLOOR_LEVELS)
    steps = [level]
    for number, count in enumerate(channels):
        down = _convolve(steps[-1], count, 5 if number == 0 else 3, strides=2)
        steps.append(_residual(down, count) if number >= 2 else down)
    up = steps[5]
    for number, count in ((4, channels[3]), (3, channels[2]), (2, channels[1])):
        up = _convolve(_join(up, steps[number], count), count)
    cells = _convolve(up, channels[1])
    centers = layers.Conv2D(1, 1, name="centers_logits", bias_initializer=keras.initializers.Constant(-4.0))(cells)
    offsets = layers.Conv2D(2, 1, name="offset_map")(cells)
    up = _convolve(_join(up, steps[1], channels[0]), channels[0] + 4)
    ink = layers.Conv2D(4, 3, padding="same", name="ink_logits", bias_initializer=keras.initializers.Constant(-2.0))(up)
    outputs = {"ink": _to_pixels(ink), "centers": ops.squeeze(centers, -1), "offsets": offsets}
    return keras.Model(image, outputs, name="finder")


def _convolve(tensor: Any, channels: int, size: int = 3, strides: int = 1) -> Any:
    tensor = layers.Conv2D(channels, size, strides=strides, padding="same", use_bias=False)(tensor)
    return layers.ReLU()(layers.BatchNormalization()(tensor))


def _residual(tensor: Any, channels: int) -> Any:
    return layers.Add()([tensor, _convolve(tensor, channels)])


def _join(tensor: Any, skip: Any, channels: int) -> Any:
    """Upsample a tensor twofold, and concatenate it with the skip connection of that size."""
    if tensor.shape[-1] > channels:
        tensor = layers.Conv2D(channels, 1, use_bias=False)(tensor)
    return layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(tensor), skip])


def _to_pixels(tensor: Any) -> Any:
    """Rearrange four channels (n, 64, 64, 4) to pixels (n, 128, 128)."""
    half = LOOK_SIDE_PX // 2
    blocks = ops.transpose(ops.reshape(tensor, (-1, half, half, 2, 2)), (0, 1, 3, 2, 4))
    return ops.reshape(blocks, (-1, LOOK_SIDE_PX, LOOK_SIDE_PX))


def ink_loss(true: Any, logits: Any) -> Any:
    """Return the cross-entropy, with a weight of 5 for ink, plus the soft Dice loss (Milletari and others 2016)."""
    entropy = _entropy(true, logits) * (1 + 4 * true)
    probabilities = ops.sigmoid(logits)
    overlap = ops.sum(true * probabilities, axis=(1, 2))
    total = ops.sum(true + probabilities, axis=(1, 2))
    dice = 1 - (2 * overlap + 20) / (total + 20)
    return 2 * ops.mean(entropy, axis=(1, 2)) + dice


def centers_loss(true: Any, logits: Any) -> Any:
    """Return the cross-entropy, with a weight of about 20 for centers."""
    return 3 * ops.mean(_entropy(true, logits) * (1 + 20 * true), axis=(1, 2))


def offsets_loss(true: Any, offsets: Any) -> Any:
    """Return the mean distance from the true offsets over cells with ink, where the third channel is 1."""
    inked = true[..., 2]
    distance = ops.sum(ops.abs(true[..., :2] - offsets), axis=-1)
    return 0.5 * ops.sum(distance * inked, axis=(1, 2)) / (ops.sum(inked, axis=(1, 2)) + 4)


def _entropy(true: Any, logits: Any) -> Any:
    return ops.maximum(logits, 0) - logits * true + ops.log1p(ops.exp(-ops.abs(logits)))


LOSSES = {"ink": ink_loss, "centers": centers_loss, "offsets": offsets_loss}
