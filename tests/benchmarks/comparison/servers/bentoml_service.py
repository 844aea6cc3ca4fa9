"""BentoML with two workers, async methods, which spare it a thread, and nothing written for each request."""

from pathlib import Path
from typing import Any

import bentoml

from tests.benchmarks.comparison.servers.bare import Model, decode


@bentoml.service(workers=2, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Mnist:
    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api
    async def multipart(self, image: Path) -> dict[str, Any]:
        return self.model.answer(decode(image.read_bytes()))

    @bentoml.api
    async def raw(self, image: Path, /) -> dict[str, Any]:
        return self.model.answer(decode(image.read_bytes()))
