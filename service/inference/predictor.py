"""Read an image file: bytes -> image -> digit -> vector -> probabilities -> prediction."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import NoDigit, ServiceError, SeveralDigits, TooManyDigits, UnclearInk
from service.inference import reader, visualization
from service.inference.occlusion import compute_importance
from service.inference.schemas import Explanation, Line, ModelName, Prediction, ReadDigit, Reading
from service.models import store
from service.models.loading import Model
from service.preparation import decode, normalize
from service.preparation.finder import Finder, LocatedDigit
from service.preparation.types import Box, Floats, Gray
from service.settings import Settings

# Of the digits of an image; beyond it none is sure. Of 16 images without a digit, 7 had sure ones, and then 1.
MAX_UNCERTAIN_SHARE = 0.5

Preparation = Literal["auto", "none"]
Stage = Literal["decode", "prepare", "predict"]


class Instrumentation(Protocol):
    """Measures how images are read, for the metrics and the request log."""

    def on_images(self, images: int) -> None:
        """Count image files, before they are decoded."""
        ...

    def stage(self, name: Stage) -> AbstractContextManager[object]:
        """Return a context manager that measures a stage."""
        ...

    def on_predictions(self, version: int, probabilities: Floats) -> None:
        """Count the predictions of a batch, float32 (n, 10)."""
        ...

    def on_read_digits(self, version: int, probabilities: Floats) -> None:
        """Count the digits read in one image, float32 (n, 10)."""
        ...


class NullInstrumentation:
    """Measures nothing, as on the command line."""

    def on_images(self, images: int) -> None:
        """Do nothing."""

    def stage(self, name: Stage) -> AbstractContextManager[object]:
        """Return a context manager that does nothing."""
        return nullcontext()

    def on_predictions(self, version: int, probabilities: Floats) -> None:
        """Do nothing."""

    def on_read_digits(self, version: int, probabilities: Floats) -> None:
        """Do nothing."""


NULL_INSTRUMENTATION = NullInstrumentation()


@dataclass(frozen=True)
class Predictor:
    """A loaded model, the finder of digits, and the limits for images."""

    model: Model
    finder: Finder
    settings: Settings
    instrumentation: Instrumentation = NULL_INSTRUMENTATION

    @property
    def model_name(self) -> ModelName:
        """The name and version of the model, as responses have them."""
        return ModelName(store.NAME, str(self.model.version))

    def normalize(self, data: bytes, preparation: Preparation = "auto") -> Gray:
        """Return the digit in an image file, uint8 (28, 28).

        Raises:
            ServiceError: EmptyImage, UnreadableImage, TooLarge, NoDigit, SeveralDigits or WrongImageSize.

        """
        self.instrumentation.on_images(1)
        return self._normalize(data, preparation)

    def prepare(self, data: bytes, preparation: Preparation = "auto") -> Floats:
        """Return the vector of the digit in an image file, float32 (784,).

        Raises:
            ServiceError: `normalize` raises it.

        """
        vector: Floats = normalize.to_vectors(self.normalize(data, preparation))[0]
        return vector

    def probabilities(self, vectors: Floats) -> Floats:
        """Return the probabilities float32 (n, 10) of vectors float32 (n, 784), in one call of the model."""
        with self.instrumentation.stage("predict"):
            probabilities = self.model.predict(vectors)
        self.instrumentation.on_predictions(self.model.version, probabilities)
        return probabilities

    def predict(self, vectors: Sequence[Floats] | Floats) -> list[Prediction]:
        """Return the predictions for a batch of vectors float32 (784,), in one call of the model."""
        return self.to_predictions(self.probabilities(np.asarray(vectors))) if len(vectors) else []

    def to_predictions(self, probabilities: Floats) -> list[Prediction]:
        """Return the predictions for probabilities float32 (n, 10)."""
        digits, confidences = probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist()
        name, threshold = self.model_name, self.model.threshold
        return [
            Prediction(digit, confidence, confidence < threshold, row, name)
            for digit, confidence, row in zip(digits, confidences, probabilities.tolist(), strict=True)
        ]

    def predict_files(
        self, files: Sequence[bytes], preparation: Preparation = "auto"
    ) -> list[Prediction | ServiceError]:
        """Return the predictions for image files, in one call of the model. A bad file has its error in its place."""
        self.instrumentation.on_images(len(files))
        outcomes = [self._try_normalize(data, preparation) for data in files]
        digits = [outcome for outcome in outcomes if not isinstance(outcome, ServiceError)]
        predictions = iter(self.predict(normalize.to_vectors(np.asarray(digits))) if digits else ())
        return [outcome if isinstance(outcome, ServiceError) else next(predictions) for outcome in outcomes]

    def read(self, data: bytes) -> Reading:
        """Read all digits in an image file, with one call of the model, and another for doubtful digits.

        Raises:
            ServiceError: EmptyImage, UnreadableImage, TooLarge, NoDigit or TooManyDigits.

        """
        self.instrumentation.on_images(1)
        return self._read(data)

    def read_files(self, files: Sequence[bytes]) -> list[Reading | ServiceError]:
        """Read all digits in each of several image files. A bad file has its error in its place."""
        self.instrumentation.on_images(len(files))
        return [self._try_read(data) for data in files]

    def explain(self, data: bytes, preparation: Preparation = "auto") -> Explanation:
        """Predict the digit in an image file, and return also its located ink and the importance of each region.

        Raises:
            ServiceError: `normalize` raises it.

        """
        self.instrumentation.on_images(1)
        image = self._decode(data)
        digit, located = self._locate(image, preparation)
        prediction = self.predict([normalize.to_vectors(digit)[0]])[0]
        importance = compute_importance(digit, self.model.predict)
        ink = visualization.highlight_ink(image, located or normalize.locate_ink(digit))
        return Explanation(
            **msgspec.structs.asdict(prediction),
            ink=visualization.to_data_url(ink),
            seen=visualization.to_data_url(digit),
            importance=importance.tolist(),
            overlay=visualization.to_data_url(visualization.overlay_importance(digit, importance)),
        )

    def _normalize(self, data: bytes, preparation: Preparation) -> Gray:
        return self._locate(self._decode(data), preparation)[0]

    def _decode(self, data: bytes) -> Gray:
        with self.instrumentation.stage("decode"):
            return decode.decode(data, self.settings.max_pixels, self.settings.max_frames)

    def _locate(self, image: Gray, preparation: Preparation) -> tuple[Gray, LocatedDigit | None]:
        """Return the normalized digit in an image, and its ink in the image; None if the image is used unchanged."""
        with self.instrumentation.stage("prepare"):
            if preparation == "none":
                return normalize.require_28x28(image), None
            try:
                digit, located = normalize.locate(image, self.finder)
            except UnclearInk:  # the image may show many small digits; the views count them for the fast path
                if self.settings.max_digits > 1:
                    self._check_single_digit(image)
                raise
            if located and located.rivals:
                self._check_single_digit(image)
            return digit, located

    def _check_single_digit(self, image: Gray) -> None:
        """Check that an image, in which the finder marks several digits, shows one digit.

        Raises:
            SeveralDigits: the image shows several digits.

        """
        try:
            candidates = reader.find_lines(image, self.finder, self.settings.max_digits)
        except NoDigit:  # at a larger scale the marks are not digits
            return
        except TooManyDigits as error:
            raise SeveralDigits(f"{error} POST it to /read, which reads all digits.") from error
        count = reader.count_digits(reader.classify_lines(candidates, self.model.predict))
        if count > 1:
            raise SeveralDigits(f"The image shows {count} digits: POST it to /read, which reads all of them.")

    def _try_normalize(self, data: bytes, preparation: Preparation) -> Gray | ServiceError:
        try:
            return self._normalize(data, preparation)
        except ServiceError as error:
            return _drop_traceback(error)

    def _try_read(self, data: bytes) -> Reading | ServiceError:
        try:
            return self._read(data)
        except ServiceError as error:
            return _drop_traceback(error)

    def _read(self, data: bytes) -> Reading:
        image = self._decode(data)
        with self.instrumentation.stage("prepare"):
            candidates = reader.find_lines(image, self.finder, self.settings.max_digits)
        with self.instrumentation.stage("predict"):
            classified = reader.classify_lines(candidates, self.model.predict)
        if not classified:
            raise NoDigit("There is no digit in the image.")
        probabilities = np.concatenate([line.probabilities for line in classified])
        self._check_count(probabilities)
        self.instrumentation.on_read_digits(self.model.version, probabilities)
        factor = decode.reduction_factor(data, image)
        threshold = self._choose_threshold(probabilities)
        lines = [self._to_line(line, factor, threshold) for line in classified]
        return Reading("\n".join(line.text for line in lines), lines, self.model_name)

    def _check_count(self, probabilities: Floats) -> None:
        """Check that an image doesn't show more digits than are read; their probabilities are (n, 10).

        Uncertain digits don't count: on 2 of 340 sheets of up to 100 digits a speck would be one digit too many.

        Raises:
            TooManyDigits: the image shows more digits.

        """
        count = len(probabilities) - int(self._are_uncertain(probabilities).sum())
        if count > self.settings.max_digits:
            raise TooManyDigits.of(count, self.settings.max_digits)

    def _are_uncertain(self, probabilities: Floats) -> NDArray[np.bool]:
        """Return which digits (n,) are uncertain by their probabilities (n, 10), as a response says."""
        uncertain: NDArray[np.bool] = probabilities.max(axis=1) < np.float64(self.model.threshold)
        return uncertain

    def _choose_threshold(self, probabilities: Floats) -> float:
        """Return the confidence below which a digit of an image is uncertain.

        Among letters and in patterns a few of many doubtful digits look sure.
        """
        is_doubtful = self._are_uncertain(probabilities).mean() > MAX_UNCERTAIN_SHARE
        return math.inf if is_doubtful else self.model.threshold

    def _to_line(self, line: reader.ClassifiedLine, factor: float, threshold: float) -> Line:
        """Return the line of a response. The decoded image was smaller than the file's image by a factor."""
        digits = [
            ReadDigit(
                prediction.digit,
                prediction.confidence,
                prediction.confidence < threshold,
                prediction.probabilities,
                _scale_box(box, factor),
            )
            for prediction, box in zip(self.to_predictions(line.probabilities), line.boxes, strict=True)
        ]
        return Line("".join(str(digit.digit) for digit in digits), digits)


def _drop_traceback(error: ServiceError) -> ServiceError:
    """Return an error without its traceback, whose frames would keep the image's pixels in memory."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _scale_box(box: Box, factor: float) -> list[float]:
    return [round(edge * factor, 1) for edge in box]
