"""A run on a Ray cluster of this machine, with an image that kills each worker that opens it."""

import os
import signal
import sys
from typing import NamedTuple

from service.batch.parts import PartFolder, PartList
from service.batch.ray_engine import RayEngine
from service.batch.references import File, Reference
from service.batch.tasks import PredictTask
from service.errors import WorkerLost
from service.settings import Settings
from tests.support.paths import SEVEN


class DeadlyImage(NamedTuple):
    name: str

    def load(self, max_bytes: int) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def main(folder: str) -> None:
    references: list[Reference] = [File(str(SEVEN))] * 1500
    references[1200] = DeadlyImage("deadly.png")
    parts = PartList(PartFolder(folder, "csv", PredictTask(Settings())), references)
    try:
        for _ in RayEngine("", workers=2).write_parts(parts):
            pass
    except WorkerLost as error:
        sys.exit(str(error))
