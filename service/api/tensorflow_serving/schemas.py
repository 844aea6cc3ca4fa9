"""What a body of TensorFlow Serving's REST API may hold, more closely than the types that parse it say.

They leave pictures to instances.py: msgspec has no union of several lists, nor names that a model chooses. `image`
is the input of the models that are trained here.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.api.requests import SEVEN, Base64
from service.api.tensorflow_serving.messages import ClassifyRequest, PredictRequest
from service.preparation.normalize import SIDE

Schema = dict[str, Any]

PIXEL = {"type": "number", "minimum": 0, "maximum": 1}


def _array(items: Schema, *sizes: int) -> Schema:
    """Describe lists of these sizes, nested."""
    for size in reversed(sizes):
        items = {"type": "array", "items": items, "minItems": size, "maxItems": size}
    return items


def _object(name: str, value: Schema) -> Schema:
    return {"type": "object", "properties": {name: value}, "required": [name]}


def _only(name: str, value: Schema) -> Schema:
    return _object(name, value) | {"additionalProperties": False}


FILE = _only("b64", msgspec.json.schema(Base64))
PICTURE = {"anyOf": [FILE, *(_array(PIXEL, *shape) for shape in ((SIDE**2,), (SIDE, SIDE), (SIDE, SIDE, 1)))]}
PICTURES = {"type": "array", "items": {"anyOf": [PICTURE, _only("image", PICTURE)]}, "minItems": 1}
INPUTS = {"anyOf": [PICTURES, _object("image", PICTURES), FILE, _object("image", FILE)]}
EXAMPLES = {"type": "array", "items": _object("image", PICTURE), "minItems": 1}

PredictBody = Annotated[
    PredictRequest,
    Meta(
        examples=[{"instances": [{"b64": SEVEN}]}],
        extra_json_schema={
            "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
            "properties": {"instances": PICTURES, "inputs": INPUTS},
        },
    ),
]
ClassifyBody = Annotated[
    ClassifyRequest,
    Meta(examples=[{"examples": [{"image": {"b64": SEVEN}}]}], extra_json_schema=_object("examples", EXAMPLES)),
]
