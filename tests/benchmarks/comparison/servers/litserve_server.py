"""LitServe, two workers and as many HTTP servers: python -m ...servers.litserve_server PORT."""

import sys
from typing import Any

import litserve
from fastapi import Request

from tests.benchmarks.comparison.servers.bare import Model, decode


class Mnist(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = Model()

    def decode_request(self, request: Request) -> bytes:
        file: bytes = request["image"].file.read()
        return file

    def predict(self, file: bytes) -> dict[str, Any]:
        return self.model.answer(decode(file))


if __name__ == "__main__":
    server = litserve.LitServer(Mnist(), accelerator="cpu", workers_per_device=2)  # fast_queue is slower here
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
