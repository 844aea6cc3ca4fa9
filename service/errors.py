"""The errors of this service, each with the HTTP status and the code that a client sees."""

from collections.abc import Mapping


def os_reason(error: OSError) -> str:
    """Return the reason of a system error in lower case and without the path, as the end of a sentence."""
    return (error.strerror or str(error)).lower()


class ServiceError(Exception):
    """The base of all errors. The message is one plain sentence."""

    status = 500
    code = "internal_error"
    headers: Mapping[str, str] = {}


class InternalError(ServiceError):
    """A fault of the service made a request fail."""

    def __init__(self) -> None:
        """Say where the fault is described."""
        super().__init__("Something went wrong here; it is in the log.")


class SettingsError(ServiceError):
    """A setting is invalid or unknown: the service does not start."""

    code = "wrong_setting"


class ModelError(ServiceError):
    """No version of the model can be served: the folder has no version, it is damaged, or its runtime is missing."""

    status = 503
    code = "no_model"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class UnreadableFile(ServiceError):
    """A file or folder named on the command line does not exist, can't be read, or has no image."""

    code = "unreadable_file"


class StoreUnavailable(UnreadableFile):
    """A store at an address does not answer, or refuses everything: the command ends, and can go on later."""

    code = "store_unavailable"


class WrongLabels(ServiceError):
    """The labels of images to evaluate are missing or invalid."""

    code = "wrong_labels"


class UnwritablePage(ServiceError):
    """The file of a page can't be written."""

    code = "unwritable_page"


class UnwritableDrawing(ServiceError):
    """The file or folder of a drawing can't be written, or is an input image."""

    code = "unwritable_drawing"

    @classmethod
    def at(cls, path: str, error: OSError) -> "UnwritableDrawing":
        """Return the error of a path that can't be written."""
        return cls(f"Nothing can be drawn to {path}: {os_reason(error)}.")


class UnwritableOutput(ServiceError):
    """The output of the command line can't be written, or is there already."""

    code = "unwritable_output"


class OutputMismatch(ServiceError):
    """The output that a run is to go on with holds the answers of other images."""

    code = "output_mismatch"


class WrongColumn(ServiceError):
    """A Parquet file has no column of images, or several."""

    code = "wrong_column"


class MissingPackage(ServiceError):
    """Something needs a package that isn't installed."""

    code = "missing_package"

    @classmethod
    def of(cls, feature: str, package: str, extra: str) -> "MissingPackage":
        """Return the error of a feature that needs the package of an extra."""
        return cls(f"{feature} needs {package}, which can't be imported: pip install 'mnist-service[{extra}]'.")


class EngineError(ServiceError):
    """The engine of the command line has no cluster, or can't do what is asked."""

    code = "engine_error"


class WorkerLost(ServiceError):
    """A worker process of the command line died."""

    code = "worker_lost"


class UnknownModel(ServiceError):
    """No model has the requested name, or no version the requested number."""

    status = 404
    code = "model_not_found"


class ModelControlOff(ServiceError):
    """The setting does not let clients load or unload versions."""

    status = 403
    code = "model_control_off"


class LastVersion(ServiceError):
    """The version is the last one that is not withdrawn."""

    status = 409
    code = "last_version"


class FeedbackOff(ServiceError):
    """The setting does not let anyone send corrections."""

    status = 404
    code = "feedback_off"


class FeedbackFull(ServiceError):
    """The folder of corrections has as many files or bytes as the settings allow, or its disk is full."""

    status = 507
    code = "feedback_full"


class FeedbackUnwritable(ServiceError):
    """The folder of corrections can't be written to."""

    code = "feedback_unwritable"


class CrossOrigin(ServiceError):
    """A page of another origin sent the request, and the setting does not allow that origin."""

    status = 403
    code = "cross_origin"


class NoReport(ServiceError):
    """The default version has no report."""

    status = 404
    code = "not_found"


class MalformedRequest(ServiceError):
    """The request is malformed."""

    status = 400
    code = "malformed_request"


class UnknownLabel(MalformedRequest):
    """No version has the requested label."""

    code = "unknown_label"


class UnknownSignature(MalformedRequest):
    """The model does not have the requested signature."""

    code = "unknown_signature"


class InvalidTensor(MalformedRequest):
    """The numbers of the request are not pixels of images: the shape or type differs, or a number is not in [0, 1]."""

    code = "invalid_tensor"


class NoImage(MalformedRequest):
    """The request has no image."""

    code = "no_image"


class SeveralImages(MalformedRequest):
    """The request has several images, and the path reads one."""

    code = "several_images"


class EmptyImage(MalformedRequest):
    """The image file has no bytes."""

    code = "empty_image"


class InvalidJSON(MalformedRequest):
    """The body is not JSON, or lacks a required field."""

    code = "invalid_json"


class InvalidBase64(MalformedRequest):
    """A text is neither base64 nor a data: URL of base64."""

    code = "invalid_base64"


class Unauthorized(ServiceError):
    """API keys are set, and the request has none of them."""

    status = 401
    code = "unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class RequestTimeout(ServiceError):
    """The request did not arrive in time."""

    status = 408
    code = "request_timeout"


class Draining(ServiceError):
    """The service is shutting down, and accepts no more requests."""

    status = 503
    code = "draining"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class Overloaded(ServiceError):
    """The queue of requests is full."""

    status = 503
    code = "overloaded"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class TooLarge(ServiceError):
    """The upload exceeds a limit: bytes, pixels, frames or files."""

    status = 413
    code = "too_large"


class HeadersTooLarge(ServiceError):
    """The head of the request, or the framing of its body, is too long."""

    status = 431
    code = "headers_too_large"


class UnsupportedMediaType(ServiceError):
    """The Content-Type of the request is not supported."""

    status = 415
    code = "unsupported_media_type"


class UnreadableImage(ServiceError):
    """The bytes are not an image, or the image is damaged, or its format is not supported."""

    status = 415
    code = "unreadable_image"


class WrongImageSize(ServiceError):
    """The image is not 28x28, and the request turns its preparation off."""

    status = 422
    code = "wrong_image_size"


class NoDigit(ServiceError):
    """The image shows nothing written: it is blank, a gradient, or noise."""

    status = 422
    code = "no_digit"


class UnclearInk(NoDigit):
    """The finder is hardly sure of any ink in the image."""


class SeveralDigits(ServiceError):
    """The image shows several digits of about the same size, which /read reads."""

    status = 422
    code = "several_digits"


class TooManyDigits(ServiceError):
    """The image shows more digits than the limit."""

    status = 413
    code = "too_many_digits"

    @classmethod
    def of(cls, count: int, limit: int) -> "TooManyDigits":
        """Return the error of an image with `count` digits."""
        return cls(f"The image shows {count} digits: at most {limit} are read. Send parts of it.")
