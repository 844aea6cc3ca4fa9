"""Sharpness-aware minimization (SAM): a step towards weights whose neighbours have a low loss, too.

A few wrong labels pull such weights less far.
"""

from typing import Any

import keras
import tensorflow as tf

from training.model.split_batch import SplitBatchModel


class SAMModel(SplitBatchModel):
    """Takes the gradient not at the weights, but at the distance `rho` from them where the loss is about the highest.

    Each step computes two gradients. The reported loss and accuracy are those at the second. After Foret, Kleiner,
    Mobahi and Neyshabur 2021, Sharpness-Aware Minimization for Efficiently Improving Generalization.
    """

    def __init__(self, network: keras.Model, rho: float) -> None:
        super().__init__(network)
        self.rho = rho

    def train_step(self, batch: tuple[tf.Tensor, ...]) -> dict[str, Any]:
        """Step uphill, let the optimizer apply the gradient there, and step back."""
        ascent = self._compute_ascent(batch)
        for weights, step in zip(self.trainable_variables, ascent, strict=True):
            weights.assign_add(step)
        metrics: dict[str, Any] = super().train_step(batch)
        for weights, step in zip(self.trainable_variables, ascent, strict=True):
            weights.assign_sub(step)
        return metrics

    def _compute_ascent(self, batch: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
        """Return a step for each variable, which together have the length `rho` and follow the gradient."""
        images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            probabilities = self(images, training=True)
            loss = self.compute_loss(x=images, y=labels, y_pred=probabilities, sample_weight=sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        factor = self.rho / (tf.linalg.global_norm(gradients) + 1e-12)
        return [factor * gradient for gradient in gradients]
