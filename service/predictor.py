"""The whole way of a picture: bytes -> images -> digits -> a model -> the probability of each digit."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from service import digits, images, pictures, versions
from service.errors import ServiceError
from service.finder import Finder, Found
from service.models import Model
from service.occlusion import importance
from service.settings import Settings

Preparation = Literal["auto", "none"]
Stage = Literal["decode", "prepare", "predict"]

Probability = Annotated[float, Meta(ge=0, le=1)]
Probabilities = Annotated[list[Probability], Meta(min_length=10, max_length=10, description="Those of 0, 1, ... 9.")]
VersionNumber = Annotated[str, Meta(pattern="^[0-9]+$")]
Loss = Annotated[float, Meta(ge=-1, le=1)]
Picture = Annotated[str, Meta(pattern="^data:image/png;base64,")]


class ModelName(msgspec.Struct, frozen=True):
    """Which model answered."""

    name: str
    version: VersionNumber


class Prediction(msgspec.Struct, frozen=True):
    """What the model sees in one picture."""

    digit: Annotated[int, Meta(ge=0, le=9)]
    confidence: Annotated[Probability, Meta(description="The probability of the digit.")]
    uncertain: Annotated[bool, Meta(description="The confidence is below the version's threshold.")]
    probabilities: Probabilities
    model: ModelName


class Explanation(Prediction, frozen=True):
    """A prediction, and what it rests on. Pictures are data: URLs of PNG files."""

    ink: Annotated[
        Picture,
        Meta(
            description="The image, upright, in gray, at most 280 pixels wide and tall, with the digit's ink in green: "
            "what was found, or in an image that was taken as it is, all of its ink."
        ),
    ]
    seen: Annotated[Picture, Meta(description="The digit as the model saw it, 28x28.")]
    importance: Annotated[
        list[Annotated[list[Loss], Meta(min_length=28, max_length=28)]],
        Meta(min_length=28, max_length=28, description="The probability lost without each region, 28 rows of 28."),
    ]
    overlay: Annotated[Picture, Meta(description="The importance in colour over the digit, 280x280.")]


class Observer(Protocol):
    """What wants to know how pictures are read: the service's metrics and log."""

    def reads(self, pictures: int) -> None:
        """Be told of so many picture files, before they are read."""
        ...

    def stage(self, name: Stage) -> AbstractContextManager[object]:
        """Surround a stage of a picture's way."""
        ...

    def predicted(self, version: int, probabilities: NDArray[np.float32]) -> None:
        """Be told of an answer, float32 (n, 10)."""
        ...


class Unobserved:
    """Nobody wants to know, as on the command line."""

    def reads(self, pictures: int) -> None:
        """Ignore how many there are."""

    def stage(self, name: Stage) -> AbstractContextManager[object]:
        """Surround a stage by nothing."""
        return nullcontext()

    def predicted(self, version: int, probabilities: NDArray[np.float32]) -> None:
        """Forget an answer."""


UNOBSERVED = Unobserved()


@dataclass(frozen=True)
class Predictor:
    """A loaded model, the finder of its digits, and the limits of the pictures that it is shown."""

    model: Model
    finder: Finder
    settings: Settings
    observer: Observer = UNOBSERVED

    @property
    def model_name(self) -> ModelName:
        """Name the model as answers do."""
        return ModelName(versions.NAME, str(self.model.version))

    def read(self, data: bytes, preparation: Preparation = "auto") -> NDArray[np.uint8]:
        """Turn a picture file into the digit in it, uint8 (28, 28).

        Raises:
            ServiceError: EmptyImage, UnreadableImage, TooLarge, NoDigit or WrongImageSize.

        """
        self.observer.reads(1)
        return self._read(data, preparation)

    def prepare(self, data: bytes, preparation: Preparation = "auto") -> NDArray[np.float32]:
        """Turn a picture file into the network's vector, float32 (784,).

        Raises:
            ServiceError: as `read` does.

        """
        vector: NDArray[np.float32] = digits.scale(self.read(data, preparation))[0]
        return vector

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities float32 (n, 10) of vectors float32 (n, 784), in one call of the model."""
        with self.observer.stage("predict"):
            probabilities = self.model.predict(vectors)
        self.observer.predicted(self.model.version, probabilities)
        return probabilities

    def predict(self, vectors: Sequence[NDArray[np.float32]] | NDArray[np.float32]) -> list[Prediction]:
        """Predict a batch of vectors, float32 (784,) each, in one call of the model."""
        return self.judge(self.probabilities(np.asarray(vectors))) if len(vectors) else []

    def judge(self, probabilities: NDArray[np.float32]) -> list[Prediction]:
        """Tell which digits probabilities float32 (n, 10) speak for, and whether the model is sure enough of each."""
        digits_, confidences = probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist()
        name, threshold = self.model_name, self.model.threshold
        return [
            Prediction(digit, confidence, confidence < threshold, row, name)
            for digit, confidence, row in zip(digits_, confidences, probabilities.tolist(), strict=True)
        ]

    def predict_files(
        self, files: Sequence[bytes], preparation: Preparation = "auto"
    ) -> list[Prediction | ServiceError]:
        """Predict picture files in one call of the model; a bad one has what is wrong with it in its place."""
        self.observer.reads(len(files))
        pictures = [self._try_read(data, preparation) for data in files]
        good = [picture for picture in pictures if not isinstance(picture, ServiceError)]
        predictions = iter(self.predict(digits.scale(np.asarray(good))) if good else ())
        return [item if isinstance(item, ServiceError) else next(predictions) for item in pictures]

    def explain(self, data: bytes, preparation: Preparation = "auto") -> Explanation:
        """Predict a picture file, and tell where its digit was found and what in it mattered.

        Raises:
            ServiceError: as `read` does.

        """
        self.observer.reads(1)
        image = self._decode(data)
        digit, found = self._locate(image, preparation)
        prediction = self.predict([digits.scale(digit)[0]])[0]
        mattered = importance(digit, self.model.predict)
        return Explanation(
            **msgspec.structs.asdict(prediction),
            ink=pictures.data_url(pictures.tint(image, found or digits.whole(digit))),
            seen=pictures.data_url(digit),
            importance=mattered.tolist(),
            overlay=pictures.data_url(pictures.overlay(digit, mattered)),
        )

    def _read(self, data: bytes, preparation: Preparation) -> NDArray[np.uint8]:
        return self._locate(self._decode(data), preparation)[0]

    def _decode(self, data: bytes) -> NDArray[np.uint8]:
        with self.observer.stage("decode"):
            return images.decode(data, self.settings.max_pixels, self.settings.max_frames)

    def _locate(self, image: NDArray[np.uint8], preparation: Preparation) -> tuple[NDArray[np.uint8], Found | None]:
        with self.observer.stage("prepare"):
            return digits.locate(image, self.finder) if preparation == "auto" else (digits.take(image), None)

    def _try_read(self, data: bytes, preparation: Preparation) -> NDArray[np.uint8] | ServiceError:
        try:
            return self._read(data, preparation)
        except ServiceError as error:
            return error
