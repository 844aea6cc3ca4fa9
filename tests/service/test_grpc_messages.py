"""The messages of gRPC are those of Triton and TensorFlow Serving, as far as they are served."""

import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from service.server import grpc
from service.server.grpc.messages import POOL
from tests.support.tensorflow_serving_client import PACKAGES, add_to_path

FOLDER = Path(grpc.__file__).parent
PROTOS = sorted(path.name for path in (FOLDER / "protos").iterdir())


def messages(file: str) -> Iterator[Any]:
    """Return all messages of a file, also those within another message."""
    waiting = [*POOL.FindFileByName(file).message_types_by_name.values()]
    while waiting:
        message = waiting.pop()
        waiting += message.nested_types
        yield message


def describe_field(field: Any) -> tuple[Any, ...]:
    """Return what the bytes of a field depend on, and the `oneof` that it is in."""
    type_ = field.message_type or field.enum_type
    choice = field.containing_oneof
    return field.number, field.type, field.is_repeated, type_ and type_.full_name, choice and choice.name


def check_file(file: str) -> int:
    """Check all that a file declares against the originals, which are imported. Return the number of fields."""
    originals, count = descriptor_pool.Default(), 0
    for message in messages(file):
        original = originals.FindMessageTypeByName(message.full_name)
        for field in message.fields:
            expected = describe_field(original.fields_by_name[field.name])
            assert describe_field(field) == expected, field.full_name
            count += 1
        enums = [(enum, original.enum_types_by_name[enum.name]) for enum in message.enum_types]
        assert all(values_of(enum).items() <= values_of(expected).items() for enum, expected in enums)
    declared = POOL.FindFileByName(file)
    for enum in declared.enum_types_by_name.values():
        assert values_of(enum).items() <= values_of(originals.FindEnumTypeByName(enum.full_name)).items()
    for service in declared.services_by_name.values():
        methods = methods_of(originals.FindServiceByName(service.full_name))
        assert methods_of(service).items() <= methods.items()
    return count


def values_of(enum: Any) -> dict[str, int]:
    return {value.name: value.number for value in enum.values}


def methods_of(service: Any) -> dict[str, tuple[Any, ...]]:
    return {
        method.name: (
            method.input_type.full_name, method.output_type.full_name, method.client_streaming, method.server_streaming,
        )
        for method in service.methods
    }  # fmt: skip


def test_the_open_inference_protocol_is_that_of_tritons_client() -> None:
    import_module("tritonclient.grpc.service_pb2")
    assert check_file("open_inference.proto") > 90


def test_tensorflow_serving_is_that_of_its_own_client(python_with: Callable[..., Path]) -> None:
    add_to_path(python_with(*PACKAGES))
    for name in ("prediction_service_pb2", "model_service_pb2", "get_model_status_pb2"):
        import_module(f"tensorflow_serving.apis.{name}")
    assert sum(map(check_file, set(PROTOS) - {"open_inference.proto"})) > 60


def test_the_compiled_messages_are_those_of_the_protos(python_with: Callable[..., Path], tmp_path: Path) -> None:
    python, compiled = python_with("grpcio-tools==1.80.0"), tmp_path / "messages.binpb"
    command = [
        str(python), "-m", "grpc_tools.protoc", "--proto_path=.", "--include_imports",
        f"--descriptor_set_out={compiled}", *PROTOS,
    ]  # fmt: skip
    subprocess.run(command, cwd=FOLDER / "protos", check=True)
    shipped = FileDescriptorSet.FromString((FOLDER / "messages.binpb").read_bytes())
    assert FileDescriptorSet.FromString(compiled.read_bytes()) == shipped
