"""POST /feedback: an image that was misread and the digit that it shows in; where they are kept out."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import flask
import msgspec
from flask import Blueprint, request
from msgspec import UNSET, Meta

from service.api import cors
from service.api.error_responses import json_response
from service.api.openapi import operation
from service.api.requests import ONE_DIGIT_ERRORS, SENDING_ERRORS
from service.api.routes import create_predictor, settings
from service.api.sent_correction import BODY, CorrectionQuery, SentCorrection, read_correction
from service.errors import (
    CrossOrigin,
    FeedbackFull,
    FeedbackOff,
    FeedbackUnwritable,
    ModelError,
    TooManyDigits,
)
from service.feedback import store
from service.inference.corrected_answer import CorrectedAnswer, answer_box, answer_image
from service.inference.predictor import NULL_INSTRUMENTATION
from service.inference.schemas import ModelName, Probability
from service.observability import metrics

Digit = Annotated[int, Meta(ge=0, le=9)] | None

routes = Blueprint("feedback", __name__)


class KeptCorrection(msgspec.Struct, frozen=True):
    """A correction that is kept."""

    path: Annotated[str, Meta(description="The image, relative to the folder of corrections.")]
    digit: Annotated[Digit, Meta(description="The digit that the image shows; null if it shows none.")]
    predicted: Annotated[Digit, Meta(description="The digit that the model reads; null if it reads none.")]
    confidence: Annotated[Probability | None, Meta(description="The probability of the digit that the model reads.")]
    model: ModelName


@routes.post("/feedback")
@operation(
    KeptCorrection,
    body=BODY,
    query=CorrectionQuery,
    is_creating=True,
    errors=(
        *SENDING_ERRORS,
        *ONE_DIGIT_ERRORS,
        TooManyDigits,
        ModelError,
        CrossOrigin,
        FeedbackOff,
        FeedbackFull,
        FeedbackUnwritable,
    ),
)
def feedback() -> flask.Response:
    """Keep the only image of the request, with the digit that it shows, to train on.

    It is kept without metadata, once for each content: the last digit counts.
    """
    if not settings().feedback:
        raise FeedbackOff("This service keeps no corrections: MNIST_FEEDBACK names no folder for them.")
    cors.check_origin(request, cors.read_origins(settings()))
    sent = read_correction(request)
    # Without instrumentation: a correction is compared with the counted answers, and is none of them.
    predictor = replace(create_predictor(), instrumentation=NULL_INSTRUMENTATION)
    answer = answer_box(predictor, sent.image, sent.box) if sent.box else answer_image(predictor, sent.image)
    return _keep(sent, answer, predictor.model_name)


def _keep(sent: SentCorrection, answer: CorrectedAnswer, model: ModelName) -> flask.Response:
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    correction = store.Correction(
        sent.digit, answer.digit, answer.confidence, model.version, time, UNSET if sent.box is None else sent.box
    )
    kept = store.keep(answer.image, correction, settings())
    if kept.is_first and sent.digit != answer.digit:
        metrics.child(metrics.CORRECTIONS, model.version, store.folder_name(sent.digit)).inc()
    document = KeptCorrection(kept.path, sent.digit, answer.digit, answer.confidence, model)
    return json_response(document, 201 if kept.is_new else 200)
