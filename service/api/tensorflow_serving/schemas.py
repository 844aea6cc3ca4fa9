"""JSON schemas of TensorFlow Serving's requests, which are stricter than the types that parse the requests.

The types leave images to instances.py: msgspec has neither unions of several lists nor names that a model chooses.
`image` is the input of the models that this project trains.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.api.requests import SEVEN, Base64
from service.api.tensorflow_serving.messages import ClassifyRequest, PredictRequest
from service.preparation.normalize import DIGIT_SHAPE, VECTOR_SIZE

Schema = dict[str, Any]

PIXEL = {"type": "number", "minimum": 0, "maximum": 1}


def _array(items: Schema, *sizes: int) -> Schema:
    """Return the schema of nested lists of these sizes."""
    for size in reversed(sizes):
        items = {"type": "array", "items": items, "minItems": size, "maxItems": size}
    return items


def _object(name: str, value: Schema) -> Schema:
    return {"type": "object", "properties": {name: value}, "required": [name]}


def _closed_object(name: str, value: Schema) -> Schema:
    return _object(name, value) | {"additionalProperties": False}


FILE = _closed_object("b64", msgspec.json.schema(Base64))
IMAGE = {"anyOf": [FILE, *(_array(PIXEL, *shape) for shape in ((VECTOR_SIZE,), DIGIT_SHAPE, (*DIGIT_SHAPE, 1)))]}
IMAGES = {"type": "array", "items": {"anyOf": [IMAGE, _closed_object("image", IMAGE)]}, "minItems": 1}
INPUTS = {"anyOf": [IMAGES, _object("image", IMAGES), FILE, _object("image", FILE)]}
EXAMPLES = {"type": "array", "items": _object("image", IMAGE), "minItems": 1}

PredictBody = Annotated[
    PredictRequest,
    Meta(
        examples=[{"instances": [{"b64": SEVEN}]}],
        extra_json_schema={
            "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
            "properties": {"instances": IMAGES, "inputs": INPUTS},
        },
    ),
]
ClassifyBody = Annotated[
    ClassifyRequest,
    Meta(examples=[{"examples": [{"image": {"b64": SEVEN}}]}], extra_json_schema=_object("examples", EXAMPLES)),
]
