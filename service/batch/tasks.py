"""What is asked of the images: a prediction or a reading of each. A task goes to other processes, and is done there."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Protocol

from service.batch import drawings, rows
from service.batch.references import Chunk, Drawn, Reference
from service.batch.rows import Answer, Layout
from service.errors import ServiceError, StoreUnavailable
from service.inference.predictor import Predictor, Preparation
from service.inference.schemas import Prediction, Reading
from service.models import loading
from service.preparation import finder
from service.preparation.types import Floats
from service.settings import Settings

STANDARD_ERROR = 2

PredictionOutcome = Prediction | ServiceError
ReadingOutcome = Reading | ServiceError
Answers = Generator[tuple[Reference, Answer | ServiceError], None, None]


class Task(Protocol[Answer]):
    """What is asked of each image. It can be pickled."""

    @property
    def settings(self) -> Settings:
        """The settings, which have the folder of models."""
        ...

    @property
    def layout(self) -> Layout[Answer]:
        """The columns of its answers."""
        ...

    @property
    def kind(self) -> str:
        """What tells its answers from those of another task."""
        ...

    @property
    def chunk_images(self) -> int:
        """The number of images that are answered together. Other chunks may give other last bits."""
        ...

    def answer(self, chunk: Chunk) -> list[Answer | ServiceError]:
        """Return the answer to each image, or its error.

        Raises:
            ModelError: no version of the model can be loaded, or the finder can't.

        """
        ...


@dataclass(frozen=True)
class PredictTask:
    """Predict the digit in each image. A chunk is one call of the model."""

    layout: ClassVar[Layout[Prediction]] = rows.PREDICTIONS
    chunk_images: ClassVar[int] = 32

    settings: Settings
    preparation: Preparation = "auto"

    @property
    def kind(self) -> str:
        """The name of the command, and how images are prepared."""
        return f"predict {self.preparation}"

    def answer(self, chunk: Chunk) -> list[PredictionOutcome]:
        """Return the prediction or the error of each image."""
        predictor = load_predictor(self.settings)
        vectors = [self._prepare(reference, predictor) for reference in chunk]
        predictions = iter(predictor.predict([vector for vector in vectors if not isinstance(vector, ServiceError)]))
        return [vector if isinstance(vector, ServiceError) else next(predictions) for vector in vectors]

    def _prepare(self, reference: Reference, predictor: Predictor) -> Floats | ServiceError:
        try:
            return predictor.prepare(reference.load(self.settings.max_bytes), self.preparation)
        except StoreUnavailable:
            raise  # not an answer: the images after it would all be errors
        except ServiceError as error:
            return error


@dataclass(frozen=True)
class ReadTask:
    """Read all digits of each image. A reading is one call of the model, and several of the finder."""

    kind: ClassVar[str] = "read"
    layout: ClassVar[Layout[Reading]] = rows.READINGS
    chunk_images: ClassVar[int] = 4

    settings: Settings

    def answer(self, chunk: Chunk) -> list[ReadingOutcome]:
        """Return the reading or the error of each image, and draw those that are to be drawn.

        Raises:
            UnwritableDrawing: a drawing can't be written.

        """
        predictor = load_predictor(self.settings)
        return [self._read(reference, predictor) for reference in chunk]

    def _read(self, reference: Reference, predictor: Predictor) -> ReadingOutcome:
        try:
            data = reference.load(self.settings.max_bytes)
            reading = predictor.read(data)
        except StoreUnavailable:
            raise  # not an answer: the images after it would all be errors
        except ServiceError as error:
            return error
        if isinstance(reference, Drawn):
            drawings.write(reference.target, data, reading, self.settings)
        return reading


@cache
def load_predictor(settings: Settings) -> Predictor:
    """Load the model and the finder, once in each process.

    Raises:
        ModelError: no version of the model can be loaded, or the finder can't.

    """
    with without_standard_error():
        return Predictor(loading.load_default(settings), finder.load(settings.models), settings)


@contextmanager
def without_standard_error() -> Iterator[None]:
    """Drop what TensorFlow and LiteRT print while they start, which would break a progress bar. Errors still raise."""
    original, null = os.dup(STANDARD_ERROR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, STANDARD_ERROR)
    try:
        yield
    finally:
        os.dup2(original, STANDARD_ERROR)
        os.close(original)
        os.close(null)
