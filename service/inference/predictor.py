"""The whole way of a picture: bytes -> images -> digits -> a model -> the probability of each digit."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import NoDigit, ServiceError, SeveralDigits, TooManyDigits, UnclearInk
from service.inference import reader, visualization
from service.inference.occlusion import importance
from service.inference.schemas import Explanation, Line, ModelName, Prediction, ReadDigit, Reading
from service.models import store
from service.models.loading import Model
from service.preparation import decode, normalize
from service.preparation.finder import Finder, Found
from service.preparation.looks import Box
from service.settings import Settings

Preparation = Literal["auto", "none"]
Stage = Literal["decode", "prepare", "predict"]


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

    def read(self, version: int, probabilities: NDArray[np.float32]) -> None:
        """Be told of the digits read in one image, float32 (n, 10)."""
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

    def read(self, version: int, probabilities: NDArray[np.float32]) -> None:
        """Forget the digits of an image."""


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
        return ModelName(store.NAME, str(self.model.version))

    def normalize(self, data: bytes, preparation: Preparation = "auto") -> NDArray[np.uint8]:
        """Turn a picture file into the digit in it, uint8 (28, 28).

        Raises:
            ServiceError: EmptyImage, UnreadableImage, TooLarge, NoDigit, SeveralDigits or WrongImageSize.

        """
        self.observer.reads(1)
        return self._normalize(data, preparation)

    def prepare(self, data: bytes, preparation: Preparation = "auto") -> NDArray[np.float32]:
        """Turn a picture file into the network's vector, float32 (784,).

        Raises:
            ServiceError: as `normalize` does.

        """
        vector: NDArray[np.float32] = normalize.scale(self.normalize(data, preparation))[0]
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
        pictures = [self._try_normalize(data, preparation) for data in files]
        good = [picture for picture in pictures if not isinstance(picture, ServiceError)]
        predictions = iter(self.predict(normalize.scale(np.asarray(good))) if good else ())
        return [item if isinstance(item, ServiceError) else next(predictions) for item in pictures]

    def read(self, data: bytes) -> Reading:
        """Read all digits in a picture file, with one call of the model.

        Raises:
            ServiceError: EmptyImage, UnreadableImage, TooLarge, NoDigit or TooManyDigits.

        """
        self.observer.reads(1)
        return self._read(data)

    def read_files(self, files: Sequence[bytes]) -> list[Reading | ServiceError]:
        """Read all digits in each of several picture files; a bad one has what is wrong with it in its place."""
        self.observer.reads(len(files))
        return [self._try_read(data) for data in files]

    def explain(self, data: bytes, preparation: Preparation = "auto") -> Explanation:
        """Predict a picture file, and tell where its digit was found and what in it mattered.

        Raises:
            ServiceError: as `normalize` does.

        """
        self.observer.reads(1)
        image = self._decode(data)
        digit, found = self._locate(image, preparation)
        prediction = self.predict([normalize.scale(digit)[0]])[0]
        mattered = importance(digit, self.model.predict)
        return Explanation(
            **msgspec.structs.asdict(prediction),
            ink=visualization.data_url(visualization.tint(image, found or normalize.whole(digit))),
            seen=visualization.data_url(digit),
            importance=mattered.tolist(),
            overlay=visualization.data_url(visualization.overlay(digit, mattered)),
        )

    def _normalize(self, data: bytes, preparation: Preparation) -> NDArray[np.uint8]:
        return self._locate(self._decode(data), preparation)[0]

    def _decode(self, data: bytes) -> NDArray[np.uint8]:
        with self.observer.stage("decode"):
            return decode.decode(data, self.settings.max_pixels, self.settings.max_frames)

    def _locate(self, image: NDArray[np.uint8], preparation: Preparation) -> tuple[NDArray[np.uint8], Found | None]:
        with self.observer.stage("prepare"):
            if preparation == "none":
                return normalize.take(image), None
            try:
                digit, found = normalize.locate(image, self.finder)
            except UnclearInk:  # as that of many small digits is; the fast path leaves these to the views
                if self.settings.max_digits > 1:
                    self._check_alone(image)
                raise
            if found and found.rivals:
                self._check_alone(image)
            return digit, found

    def _check_alone(self, image: NDArray[np.uint8]) -> None:
        """Check that an image, in which several digits seem to be, shows one.

        Raises:
            SeveralDigits: it shows several.

        """
        try:
            found = reader.find(image, self.finder, self.settings.max_digits)
        except NoDigit:  # seen closer, what was beside the digit is none
            return
        except TooManyDigits as error:
            raise SeveralDigits(f"{error} POST it to /read, which reads all digits.") from error
        count = reader.count(reader.classify(found, self.model.predict))
        if count > 1:
            raise SeveralDigits(f"The image shows {count} digits: POST it to /read, which reads all of them.")

    def _try_normalize(self, data: bytes, preparation: Preparation) -> NDArray[np.uint8] | ServiceError:
        try:
            return self._normalize(data, preparation)
        except ServiceError as error:
            return _bare(error)

    def _try_read(self, data: bytes) -> Reading | ServiceError:
        try:
            return self._read(data)
        except ServiceError as error:
            return _bare(error)

    def _read(self, data: bytes) -> Reading:
        image = self._decode(data)
        with self.observer.stage("prepare"):
            found = reader.find(image, self.finder, self.settings.max_digits)
        with self.observer.stage("predict"):
            lines = reader.classify(found, self.model.predict)
        if not lines:
            raise NoDigit("There is no digit in the image.")
        rows = np.concatenate([line.probabilities for line in lines])
        if len(rows) > self.settings.max_digits:
            raise TooManyDigits.of(len(rows), self.settings.max_digits)
        self.observer.read(self.model.version, rows)
        factor = decode.reduction(data, image)
        described = [self._describe(line, factor) for line in lines]
        return Reading("\n".join(line.text for line in described), described, self.model_name)

    def _describe(self, line: reader.Line, factor: float) -> Line:
        read = [
            ReadDigit(
                prediction.digit,
                prediction.confidence,
                prediction.uncertain,
                prediction.probabilities,
                _scale(box, factor),
            )
            for prediction, box in zip(self.judge(line.probabilities), line.boxes, strict=True)
        ]
        return Line("".join(str(digit.digit) for digit in read), read)


def _bare(error: ServiceError) -> ServiceError:
    """Return an error without its traceback, whose frames would hold the image's pixels until they are collected."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _scale(box: Box, factor: float) -> list[float]:
    return [round(edge * factor, 1) for edge in box]
