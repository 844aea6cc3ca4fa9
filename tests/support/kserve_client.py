"""Asks servers with the client of KServe's SDK, in an environment that has it, and prints the answers as JSON.

Run as: python kserve_client.py IMAGES.npy, the images uint8 (n, 28, 28). Each line of standard input names a server:
v1|v2|grpc ADDRESS. So the SDK, which takes 2.5 s to import, is imported once.
"""

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from numpy.typing import NDArray


def request_of(images: NDArray[Any], datatype: str, binary: bool, name: str = "image") -> InferRequest:
    tensor = InferInput(name, list(images.shape), datatype)
    tensor.set_data_from_numpy(images, binary_data=binary)
    output = RequestedOutput("probabilities", {"binary_data": binary})
    return InferRequest("mnist", [tensor], request_id="a", request_outputs=[output])


async def ask_v2(address: str, images: NDArray[np.uint8]) -> dict[str, Any]:
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        answers = {}
        scaled = (images.reshape(-1, 784) / 255).astype(np.float32)
        for sent, datatype in ((scaled, "FP32"), (images, "UINT8")):
            for binary in (True, False):
                answer = await client.infer(address, request_of(sent, datatype, binary), "mnist")
                output = answer.outputs[0].as_numpy().tolist()
                answers[f"{datatype} {'binary' if binary else 'JSON'}"] = [answer.id, output]
        try:
            await client.infer(address, request_of(images, "UINT8", True, "x"), "mnist")
        except Exception as error:  # httpx's
            rejected = str(error)
        return {
            "live": await client.is_server_live(address),
            "ready": await client.is_server_ready(address),
            "model ready": await client.is_model_ready(address, "mnist"),
            "other model ready": await client.is_model_ready(address, "nope"),
            "answers": answers,
            "rejected": rejected,
        }


async def ask_grpc(address: str, images: NDArray[np.uint8]) -> dict[str, Any]:
    async with InferenceGRPCClient(address) as client:
        scaled, answers = (images.reshape(-1, 784) / 255).astype(np.float32), {}
        for sent, datatype in ((scaled, "FP32"), (images, "UINT8")):
            for binary in (True, False):
                answer = await client.infer(request_of(sent, datatype, binary))
                output = answer.outputs[0].as_numpy().tolist()
                answers[f"{datatype} {'binary' if binary else 'typed'}"] = [answer.id, output]
        try:
            await client.infer(request_of(images, "UINT8", True, "x"))
        except Exception as error:  # grpc's
            rejected = str(error)
        return {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model ready": await client.is_model_ready("mnist"),
            "other model ready": await client.is_model_ready("nope"),
            "answers": answers,
            "rejected": rejected,
        }


async def ask_v1(address: str, images: NDArray[np.uint8]) -> dict[str, Any]:
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        instances = (images.reshape(-1, 784) / 255).tolist()
        return {
            "model ready": await client.is_model_ready(address, "mnist"),
            "answer": await client.infer(address, {"instances": instances}, "mnist"),
        }


if __name__ == "__main__":
    images = np.load(sys.argv[1])
    for line in sys.stdin:
        protocol, address = line.split()
        answer = {"v1": ask_v1, "v2": ask_v2, "grpc": ask_grpc}[protocol](address, images)
        print(json.dumps(asyncio.run(answer)), flush=True)
