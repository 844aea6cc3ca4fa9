"""The messages of protos/, in a pool of their own: TensorFlow and Triton's client declare the same names, too.

`make protos` compiles protos/ into messages.binpb.
"""

from pathlib import Path
from typing import Any

import msgspec
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

Message = Any  # an instance of one of the classes, which exist at run time only


def _load_pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString((Path(__file__).parent / "messages.binpb").read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _load_pool()


def message_type(name: str) -> Any:
    """Return the class of a message, by its full name."""
    return GetMessageClass(POOL.FindMessageTypeByName(name))


def from_document(document: dict[str, Any], type_: Any) -> Message:
    """Return the message that an object of JSON stands for. Members that the message does not have are left out."""
    return ParseDict(document, type_(), ignore_unknown_fields=True, descriptor_pool=POOL)


def from_json(body: bytes, type_: Any) -> Message:
    """Return the message that the JSON of a response stands for."""
    return from_document(msgspec.json.decode(body), type_)
