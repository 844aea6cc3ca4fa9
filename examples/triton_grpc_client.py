"""Read images over gRPC with Triton's client: python examples/triton_grpc_client.py 127.0.0.1:8500 FILE..."""

import sys
from pathlib import Path

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

if __name__ == "__main__":
    address, *paths = sys.argv[1:]
    client = InferenceServerClient(address)

    # Files of any size and format; the service prepares them. Pixels of 28x28 may be sent as UINT8 or FP32, too.
    files = np.array([Path(path).read_bytes() for path in paths], np.object_)
    images = InferInput("image", [len(paths)], "BYTES").set_data_from_numpy(files)
    try:
        # Of the metadata, x-api-key is for a service that has keys, and the request log has x-request-id.
        result = client.infer("mnist", [images], headers={"x-request-id": "example"}, client_timeout=30)
    except InferenceServerException as error:  # one file that can't be read fails the whole request
        sys.exit(f"{error.status()}: {error.message()}")
    for path, probabilities in zip(paths, result.as_numpy("probabilities"), strict=True):
        print(f"{path}: {probabilities.argmax()}, {probabilities.max():.2%}")
