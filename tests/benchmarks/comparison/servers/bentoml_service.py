"""BentoML with two workers, an async method and nothing that is written for each request."""

from typing import Any

import bentoml
from PIL import Image

from tests.benchmarks.comparison.servers.bare import Model, scale


@bentoml.service(workers=2, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Mnist:
    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api
    async def predict(self, image: Image.Image) -> dict[str, Any]:
        return self.model.answer(scale(image))
