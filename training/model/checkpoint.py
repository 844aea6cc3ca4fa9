"""The state of a fit after its last finished epoch, from which the fit goes on after an interruption."""

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Keeps the history, and writes it with all variables to a file after every epoch, if there is a path.

    The variables are those of the network, of the optimizer and of random layers.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.path = path
        self.history: dict[str, list[float]] = {}

    def restore(self, model: keras.Model) -> int:
        """Set a compiled model to the state in the file, if there is one, and return the number of finished epochs."""
        if self.path is None or not self.path.exists():
            return 0
        with np.load(self.path) as file:
            self.history = json.loads(str(file["history"]))
            for number, variable in enumerate(_list_variables(model)):
                variable.assign(file[f"variable_{number}"])
        return len(self.history["loss"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the epoch's metrics to the history, and write the file."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        if self.path is not None:
            self._write(self.path)

    def _write(self, path: Path) -> None:
        """Write the file in one step: if the process is killed, the file is that of this epoch or of the last one."""
        variables = _list_variables(self.model)
        arrays = {f"variable_{number}": np.asarray(variable) for number, variable in enumerate(variables)}
        unfinished = path.with_suffix(".unfinished")
        with open(unfinished, "wb") as file:
            np.savez(file, allow_pickle=False, history=np.array(json.dumps(self.history)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)


def _list_variables(model: keras.Model) -> list[keras.Variable]:
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]
