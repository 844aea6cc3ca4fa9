"""TensorFlow Serving's own client: its messages and stubs, and requests made of them."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc

# Without what it depends on: it asks for the package tensorflow, whose files are those of tensorflow-cpu.
PACKAGES = "--no-deps", "tensorflow-serving-api==2.21.0"


class Client:
    """The stubs of a channel. Each request names the model."""

    def __init__(self, channel: grpc.Channel) -> None:
        apis = "tensorflow_serving.apis"
        prediction = import_module(f"{apis}.prediction_service_pb2_grpc").PredictionServiceStub(channel)
        self.predict, self.classify = prediction.Predict, prediction.Classify
        self.get_metadata, self.regress = prediction.GetModelMetadata, prediction.Regress
        self.get_status = import_module(f"{apis}.model_service_pb2_grpc").ModelServiceStub(channel).GetModelStatus
        self._predict_pb2 = import_module(f"{apis}.predict_pb2")
        self._classification_pb2 = import_module(f"{apis}.classification_pb2")
        self.metadata_pb2 = import_module(f"{apis}.get_model_metadata_pb2")
        self._status_pb2 = import_module(f"{apis}.get_model_status_pb2")

    def predict_request(self, images: Any = None, input_name: str = "image", **spec: Any) -> Any:
        """Return a request of Predict: of an array, of image files, or of a TensorProto."""
        import tensorflow as tf

        request = _name(self._predict_pb2.PredictRequest(), spec)
        if images is not None:
            tensor = images if hasattr(images, "tensor_shape") else tf.make_tensor_proto(images)
            request.inputs[input_name].CopyFrom(tensor)
        return request

    def classify_request(self, *images: Any, context: Any = None, **spec: Any) -> Any:
        """Return a request of Classify: each image is an image file, or the pixels of one."""
        request = _name(self._classification_pb2.ClassificationRequest(), spec)
        kind = "example_list" if context is None else "example_list_with_context"
        examples = getattr(request.input, kind)
        examples.SetInParent()
        for image in images:
            _set_image(examples.examples.add(), image)
        if context is not None:
            _set_image(examples.context, context)
        return request

    def metadata_request(self, *fields: str, **spec: Any) -> Any:
        return _name(self.metadata_pb2.GetModelMetadataRequest(metadata_field=fields), spec)

    def status_request(self, **spec: Any) -> Any:
        return _name(self._status_pb2.GetModelStatusRequest(), spec)

    def regression_request(self) -> Any:
        return import_module("tensorflow_serving.apis.regression_pb2").RegressionRequest()


def add_to_path(python: Path) -> None:
    """Let this process import the client from the environment of another Python of the same version."""
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    if str(packages) not in sys.path:
        sys.path.append(str(packages))


def _name(request: Any, spec: dict[str, Any]) -> Any:
    version = spec.pop("version", None)
    if version is not None:
        request.model_spec.version.value = version
    for field, value in {"name": "mnist", **spec}.items():
        setattr(request.model_spec, field, value)
    return request


def _set_image(example: Any, image: Any) -> None:
    feature = example.features.feature["image"]
    if isinstance(image, bytes):
        feature.bytes_list.value.append(image)
    else:
        feature.float_list.value.extend(image)
