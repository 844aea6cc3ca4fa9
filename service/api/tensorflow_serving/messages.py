"""What TensorFlow Serving's REST API is asked and answers, as its protocol buffers come out in JSON.

Members that a request has beside these are ignored. Versions and sizes are strings, as 64-bit integers are there.
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
        description=f"The model's signature: {SIGNATURE}, or none, which is the same.",
        extra_json_schema={"enum": ["", SIGNATURE]},
    ),
]
Vectors = Annotated[list[Probabilities], Meta(description="The probabilities of the ten digits, for each picture.")]
Class = Annotated[
    Sequence[str | Probability], Meta(min_length=2, max_length=2, description="A digit, its probability.")
]
Size = Annotated[str, Meta(pattern="^(-1|[0-9]+)$")]


class PredictRequest(msgspec.Struct):
    """Pictures by row, in `instances`, or by column, in `inputs`: one of the two."""

    signature_name: SignatureName = ""
    instances: (
        Annotated[
            list[Any],
            Meta(
                description="Pictures: each 784 numbers in [0, 1], or 28x28 or 28x28x1 of them in nested lists, or "
                '{"b64": "<base64 of an image file>"}; or any of these under the name of the model\'s input.'
            ),
        ]
        | UnsetType
    ) = UNSET
    inputs: (
        Annotated[
            list[Any] | dict[str, Any],
            Meta(description="A list of such pictures, or that list under the name of the model's input."),
        ]
        | UnsetType
    ) = UNSET


class Predictions(msgspec.Struct, frozen=True):
    """The answer to `instances`."""

    predictions: Vectors


class Outputs(msgspec.Struct, frozen=True):
    """The answer to `inputs`."""

    outputs: Vectors


class ClassifyRequest(msgspec.Struct):
    """Examples, each with its features by their names."""

    examples: Annotated[
        list[dict[str, Any]], Meta(description="Each with a picture under the name of the model's input.")
    ]
    signature_name: SignatureName = ""
    context: Annotated[dict[str, Any], Meta(description="Features of all examples.")] = {}


class Classifications(msgspec.Struct, frozen=True):
    """The answer to `examples`."""

    results: Annotated[
        list[Annotated[list[Class], Meta(min_length=10, max_length=10)]],
        Meta(description="The ten digits and their probabilities, for each example."),
    ]


class Status(msgspec.Struct, frozen=True):
    """What is wrong with a version, if anything."""

    error_code: Annotated[Literal["OK", "UNKNOWN"], Meta(description="UNKNOWN, where the version was refused.")]
    error_message: str


class ModelVersionStatus(msgspec.Struct, frozen=True):
    """How far a version has come."""

    version: VersionNumber
    state: State
    status: Status

    @classmethod
    def of(cls, version: Version) -> "ModelVersionStatus":
        """Describe a version; one that is served may have a message, too: why its new files aren't, how it misreads."""
        code: Literal["OK", "UNKNOWN"] = "UNKNOWN" if version.state == "END" else "OK"
        return cls(str(version.number), version.state, Status(code, version.remark))


class ModelStatus(msgspec.Struct, frozen=True):
    """The versions of a model; its name and whether it is ready are what clients of KServe's v1 protocol read."""

    model_version_status: list[ModelVersionStatus]
    name: str
    ready: bool


class ModelList(msgspec.Struct, frozen=True):
    """The names of all models."""

    models: list[str]


class ModelSpec(msgspec.Struct, frozen=True):
    """Which version of which model answers."""

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
    """A tensor that a model takes or gives."""

    dtype: str
    tensor_shape: TensorShape
    name: str

    @classmethod
    def of(cls, name: str, shape: tuple[int, ...]) -> "TensorInfo":
        """Describe a tensor float32 (n, *shape)."""
        return cls("DT_FLOAT", TensorShape([Dim(str(size)) for size in (-1, *shape)]), name)


class SignatureDef(msgspec.Struct, frozen=True):
    """What a signature takes and gives."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]
    method_name: str

    @classmethod
    def of(cls, signature: Signature) -> "SignatureDef":
        """Describe a model's signature, its tensors named as TensorFlow names them in a SavedModel."""
        picture = TensorInfo.of(f"{SIGNATURE}_{signature.input}:0", signature.shape)
        probabilities = TensorInfo.of("StatefulPartitionedCall:0", (10,))
        return cls({signature.input: picture}, {signature.output: probabilities}, METHOD)


class SignatureDefMap(msgspec.Struct, frozen=True):
    """A model's signatures by their names."""

    signature_def: dict[str, SignatureDef]


class Metadata(msgspec.Struct, frozen=True):
    """What is known of a model: its signatures. TensorFlow Serving nests them twice."""

    signature_def: SignatureDefMap


class SavedModelMetadata(msgspec.Struct, frozen=True):
    """A version, and what is known of it."""

    model_spec: ModelSpec
    metadata: Metadata
