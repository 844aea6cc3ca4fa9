"""What can go wrong in training, each with the exit code of the command."""


class TrainingError(Exception):
    """Anything that stops training, as one plain sentence. Never raised itself."""

    exit_code = 1


class DataError(TrainingError):
    """The data is missing, damaged, or not of MNIST's form."""

    exit_code = 2


class ExportError(TrainingError):
    """The compilation for LiteRT does not compute what the SavedModel computes."""


class NotBetter(TrainingError):
    """The new version is worse than the default one there, and stays a candidate."""

    exit_code = 3


class Interrupted(TrainingError):
    """Someone pressed Ctrl-C."""

    exit_code = 130
