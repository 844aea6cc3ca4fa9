"""Read images with Triton's client: python examples/triton_client.py http://127.0.0.1:8080 FILE..."""

import sys
from pathlib import Path

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

if __name__ == "__main__":
    address, *paths = sys.argv[1:]
    client = InferenceServerClient(address.removeprefix("http://"))
    if not client.is_model_ready("mnist"):
        sys.exit("No version of the model is ready.")

    # Files of any size and format; the service prepares them. Pixels of 28x28 may be sent as UINT8 or FP32, too.
    files = np.array([Path(path).read_bytes() for path in paths], np.object_)
    images = InferInput("image", [len(paths)], "BYTES").set_data_from_numpy(files)
    try:
        result = client.infer("mnist", [images])
    except InferenceServerException as error:  # one file that can't be read fails the whole request
        sys.exit(f"Status {error.status()}: {error.message()}")
    for path, probabilities in zip(paths, result.as_numpy("probabilities"), strict=True):
        print(f"{path}: {probabilities.argmax()}, {probabilities.max():.2%}")

    # The two most probable digits of each image, from another version.
    two = InferRequestedOutput("probabilities", class_count=2)
    classes = client.infer("mnist", [images], model_version="1", outputs=[two]).as_numpy("probabilities")
    for path, pairs in zip(paths, classes, strict=True):
        print(f"{path}, version 1:", *(pair.decode() for pair in pairs))  # probability:index:digit
