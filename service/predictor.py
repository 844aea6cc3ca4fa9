"""The whole way of a picture: bytes -> images -> digits -> a model -> the probability of each digit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from service import digits, images, models
from service.settings import Settings

Preparation = Literal["auto", "none"]


class ModelName(msgspec.Struct, frozen=True):
    """Which model answered."""

    name: str
    version: str


class Prediction(msgspec.Struct, frozen=True):
    """What the model sees in one picture. The probabilities are those of 0, 1, ... 9."""

    digit: int
    confidence: float
    probabilities: list[float]
    model: ModelName


@dataclass(frozen=True)
class Predictor:
    """A loaded model, and the limits of the pictures that it is shown."""

    model: models.Model
    settings: Settings

    @property
    def model_name(self) -> ModelName:
        """Name the model as answers do."""
        return ModelName(models.NAME, str(self.model.version))

    def prepare(self, data: bytes, preparation: Preparation = "auto") -> NDArray[np.float32]:
        """Turn a picture file into the network's vector, float32 (784,).

        Raises:
            ServiceError: EmptyImage, UnreadableImage, TooLarge or WrongImageSize.

        """
        picture = images.decode(data, self.settings.max_pixels, self.settings.max_frames)
        digit = digits.prepare(picture) if preparation == "auto" else digits.take(picture)
        vector: NDArray[np.float32] = digits.scale(digit)[0]
        return vector

    def predict(self, vectors: Sequence[NDArray[np.float32]]) -> list[Prediction]:
        """Predict a batch of vectors, float32 (784,) each, in one call of the model."""
        if not vectors:
            return []
        name = self.model_name
        return [
            Prediction(int(row.argmax()), float(row.max()), row.tolist(), name)
            for row in self.model.predict(np.stack(vectors))
        ]
