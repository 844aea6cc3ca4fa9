"""Fits towards weights whose neighbours do well too, which a wrong label here and there draws less."""

from typing import Any

import keras
import tensorflow as tf

from training.model.split_batch import Halves


class SharpnessAware(Halves):
    """Takes the gradient not at the weights but `rho` away from them, where the loss is about the worst.

    It takes two gradients a step. The loss and accuracy that it tells are those found there. After Foret, Kleiner,
    Mobahi and Neyshabur 2021, Sharpness-Aware Minimization for Efficiently Improving Generalization.
    """

    def __init__(self, network: keras.Model, rho: float) -> None:
        super().__init__(network)
        self.rho = rho

    def train_step(self, batch: tuple[tf.Tensor, ...]) -> dict[str, Any]:
        """Step uphill, let the optimizer act on the gradient found there, and step back."""
        steps = self._steps_uphill(batch)
        for weights, step in zip(self.trainable_variables, steps, strict=True):
            weights.assign_add(step)
        metrics: dict[str, Any] = super().train_step(batch)
        for weights, step in zip(self.trainable_variables, steps, strict=True):
            weights.assign_sub(step)
        return metrics

    def _steps_uphill(self, batch: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
        images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            answers = self(images, training=True)
            loss = self.compute_loss(x=images, y=labels, y_pred=answers, sample_weight=sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        factor = self.rho / (tf.linalg.global_norm(gradients) + 1e-12)
        return [factor * gradient for gradient in gradients]
