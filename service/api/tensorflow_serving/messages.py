"""Requests and responses of TensorFlow Serving's REST API: the JSON form of its protocol buffers.

Other members of a request are ignored. Versions and sizes are strings, as 64-bit integers are in protocol buffers.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.inference.schemas import Probabilities, Probability, VersionNumber
from service.models.repository import State, Version
from service.models.runtimes import SIGNATURE, Signature

METHOD = "tensorflow/serving/predict"

SignatureName = Annotated[
    str,
    Meta(
        description=f"The model's signature: {SIGNATURE}, or an empty string, which means the same.",
        extra_json_schema={"enum": ["", SIGNATURE]},
    ),
]
Vectors = Annotated[list[Probabilities], Meta(description="The probabilities of the ten digits, for each image.")]
Class = Annotated[
    Sequence[str | Probability], Meta(min_length=2, max_length=2, description="A digit and its probability.")
]
Size = Annotated[str, Meta(pattern="^(-1|[0-9]+)$")]


class PredictRequest(msgspec.Struct):
    """Images by row, in `instances`, or by column, in `inputs`. A request has one of the two."""

    signature_name: SignatureName = ""
    instances: (
        Annotated[
            list[Any],
            Meta(
                description="Images: each is 784 numbers in [0, 1], or 28x28 or 28x28x1 of them in nested lists, or "
                '{"b64": "<base64 of an image file>"}; or one of these under the name of the model\'s input.'
            ),
        ]
        | UnsetType
    ) = UNSET
    inputs: (
        Annotated[
            list[Any] | dict[str, Any],
            Meta(description="A list of such images, or that list under the name of the model's input."),
        ]
        | UnsetType
    ) = UNSET


class Predictions(msgspec.Struct, frozen=True):
    """The response to `instances`."""

    predictions: Vectors


class Outputs(msgspec.Struct, frozen=True):
    """The response to `inputs`."""

    outputs: Vectors


class ClassifyRequest(msgspec.Struct):
    """Examples, each with its features by name."""

    examples: Annotated[
        list[dict[str, Any]], Meta(description="Each has an image under the name of the model's input.")
    ]
    signature_name: SignatureName = ""
    context: Annotated[dict[str, Any], Meta(description="Features that all examples share.")] = {}


class Classifications(msgspec.Struct, frozen=True):
    """The response to `examples`."""

    results: Annotated[
        list[Annotated[list[Class], Meta(min_length=10, max_length=10)]],
        Meta(description="The ten digits and their probabilities, for each example."),
    ]


class Status(msgspec.Struct, frozen=True):
    """The error of a version, if it has one."""

    error_code: Annotated[Literal["OK", "UNKNOWN"], Meta(description="UNKNOWN if the version was rejected.")]
    error_message: str


class ModelVersionStatus(msgspec.Struct, frozen=True):
    """The state of a version."""

    version: VersionNumber
    state: State
    status: Status

    @classmethod
    def of(cls, version: Version) -> "ModelVersionStatus":
        """Return the status of a version. A served one has a message if its new files are rejected or it misreads."""
        code: Literal["OK", "UNKNOWN"] = "UNKNOWN" if version.state == "END" else "OK"
        return cls(str(version.number), version.state, Status(code, version.problem))


class ModelStatus(msgspec.Struct, frozen=True):
    """The versions of a model. Clients of KServe's v1 protocol read its name and whether it is ready."""

    model_version_status: list[ModelVersionStatus]
    name: str
    ready: bool


class ModelList(msgspec.Struct, frozen=True):
    """The names of all models."""

    models: list[str]


class ModelSpec(msgspec.Struct, frozen=True):
    """The model and version that answer."""

    name: str
    signature_name: str
    version: VersionNumber


class Dim(msgspec.Struct, frozen=True):
    """The size of a tensor along one axis; -1 is any."""

    size: Size
    name: str = ""


class TensorShape(msgspec.Struct, frozen=True):
    """The sizes of a tensor."""

    dim: list[Dim]
    unknown_rank: bool = False


class TensorInfo(msgspec.Struct, frozen=True):
    """An input or output of a model."""

    dtype: str
    tensor_shape: TensorShape
    name: str

    @classmethod
    def of(cls, name: str, shape: tuple[int, ...]) -> "TensorInfo":
        """Return the description of a tensor float32 (n, *shape)."""
        return cls("DT_FLOAT", TensorShape([Dim(str(size)) for size in (-1, *shape)]), name)


class SignatureDef(msgspec.Struct, frozen=True):
    """The inputs and outputs of a signature."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]
    method_name: str

    @classmethod
    def of(cls, signature: Signature) -> "SignatureDef":
        """Return the description of a signature, with the names that its tensors have in a SavedModel."""
        image = TensorInfo.of(f"{SIGNATURE}_{signature.input}:0", signature.shape)
        probabilities = TensorInfo.of("StatefulPartitionedCall:0", (10,))
        return cls({signature.input: image}, {signature.output: probabilities}, METHOD)


class SignatureDefMap(msgspec.Struct, frozen=True):
    """The signatures of a model, by name."""

    signature_def: dict[str, SignatureDef]


class Metadata(msgspec.Struct, frozen=True):
    """The metadata of a model: its signatures, which TensorFlow Serving nests twice."""

    signature_def: SignatureDefMap


class SavedModelMetadata(msgspec.Struct, frozen=True):
    """A version and its metadata."""

    model_spec: ModelSpec
    metadata: Metadata
