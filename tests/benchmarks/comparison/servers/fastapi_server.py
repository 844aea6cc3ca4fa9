"""FastAPI on uvicorn: async handlers that answer in the event loop, which is fastest for a call of microseconds."""

from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response, UploadFile
from pydantic import BaseModel

from tests.benchmarks.comparison.servers.bare import Model, decode

app = FastAPI()
model = Model()


def json(content: Any) -> Response:
    """Answer directly, which spares FastAPI's encoder and the model of the response."""
    return Response(orjson.dumps(content), media_type="application/json")


class Instances(BaseModel):
    """What is sent to v1, for the handler that leaves its JSON to FastAPI."""

    instances: list[list[float]]


@app.post("/raw")
async def raw(request: Request) -> Response:
    return json(model.answer(decode(await request.body())))


@app.post("/multipart")
async def multipart(image: UploadFile) -> Response:
    return json(model.answer(decode(await image.read())))


@app.post("/v1")
async def v1(request: Request) -> Response:
    pixels = np.array(orjson.loads(await request.body())["instances"], np.float32)
    return json({"predictions": model.probabilities(pixels).tolist()})


@app.post("/v1/typed")
async def v1_typed(body: Instances) -> dict[str, list[list[float]]]:
    """Answer as FastAPI's tutorial does it."""
    return {"predictions": model.probabilities(np.array(body.instances, np.float32)).tolist()}
