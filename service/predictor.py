"""The whole way of a picture: bytes -> images -> digits -> a model -> the probability of each digit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from service import digits, images, models, pictures
from service.occlusion import importance
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
    uncertain: bool  # the confidence is below the version's threshold
    probabilities: list[float]
    model: ModelName


class Explanation(Prediction, frozen=True):
    """A prediction, and what it rests on. Pictures are data: URLs of PNG files."""

    seen: str  # the digit as the model saw it, 28x28
    importance: list[list[float]]  # the probability lost without each region, 28 rows of 28
    overlay: str  # the importance in colour over the digit, 280x280


@dataclass(frozen=True)
class Predictor:
    """A loaded model, and the limits of the pictures that it is shown."""

    model: models.Model
    settings: Settings

    @property
    def model_name(self) -> ModelName:
        """Name the model as answers do."""
        return ModelName(models.NAME, str(self.model.version))

    def read(self, data: bytes, preparation: Preparation = "auto") -> NDArray[np.uint8]:
        """Turn a picture file into the digit in it, uint8 (28, 28).

        Raises:
            ServiceError: EmptyImage, UnreadableImage, TooLarge, NoDigit or WrongImageSize.

        """
        picture = images.decode(data, self.settings.max_pixels, self.settings.max_frames)
        return digits.prepare(picture) if preparation == "auto" else digits.take(picture)

    def prepare(self, data: bytes, preparation: Preparation = "auto") -> NDArray[np.float32]:
        """Turn a picture file into the network's vector, float32 (784,).

        Raises:
            ServiceError: as `read` does.

        """
        vector: NDArray[np.float32] = digits.scale(self.read(data, preparation))[0]
        return vector

    def predict(self, vectors: Sequence[NDArray[np.float32]]) -> list[Prediction]:
        """Predict a batch of vectors, float32 (784,) each, in one call of the model."""
        if not vectors:
            return []
        return [self._judge(row) for row in self.model.predict(np.stack(vectors))]

    def explain(self, digit: NDArray[np.uint8]) -> Explanation:
        """Predict a digit uint8 (28, 28), and tell what in it mattered."""
        prediction = self.predict([digits.scale(digit)[0]])[0]
        mattered = importance(digit, self.model.predict)
        return Explanation(
            **msgspec.structs.asdict(prediction),
            seen=pictures.data_url(digit),
            importance=mattered.tolist(),
            overlay=pictures.data_url(pictures.overlay(digit, mattered)),
        )

    def _judge(self, row: NDArray[np.float32]) -> Prediction:
        """Tell which digit probabilities float32 (10,) speak for, and whether the model is sure enough of it."""
        confidence = float(row.max())
        uncertain = confidence < self.model.threshold
        return Prediction(int(row.argmax()), confidence, uncertain, row.tolist(), self.model_name)
