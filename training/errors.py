"""The errors of training, each with the exit code of the command."""


class TrainingError(Exception):
    """The base of all errors of training; the message is one sentence."""

    exit_code = 1


class DataError(TrainingError):
    """The data is missing, damaged, or not of MNIST's form."""

    exit_code = 2


class StartError(TrainingError):
    """The version to go on from is missing, can't be read, or is of another network."""

    exit_code = 2


class ExportError(TrainingError):
    """The LiteRT model differs from the SavedModel, or a model can't be written."""


class NotBetter(TrainingError):
    """The new version or finder is worse than the present one, and stays a candidate."""

    exit_code = 3


class Interrupted(TrainingError):
    """The command was interrupted, by Ctrl-C or SIGTERM."""

    exit_code = 130
