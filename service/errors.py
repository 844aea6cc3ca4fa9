"""What can be wrong, each with the HTTP status and the code that a client sees."""

from collections.abc import Mapping


def os_reason(error: OSError) -> str:
    """Return why the system refused an operation, in lower case and without the path, to end a sentence with."""
    return (error.strerror or str(error)).lower()


class ServiceError(Exception):
    """Anything this service refuses, as one plain sentence. Never raised itself."""

    status = 500
    code = "internal_error"
    headers: Mapping[str, str] = {}


class SettingsError(ServiceError):
    """A setting is wrong or unknown: the service does not start."""

    code = "wrong_setting"


class ModelError(ServiceError):
    """No version of the model can be served: none is there, or it is damaged, or its runtime is missing."""

    status = 503
    code = "no_model"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class UnreadableFile(ServiceError):
    """A file or folder named on the command line is not there, can't be read, or has no picture."""

    code = "unreadable_file"


class WrongLabels(ServiceError):
    """The labels of images to evaluate are wrong, or there are none."""

    code = "wrong_labels"


class UnwritablePage(ServiceError):
    """The file that a page is to be written to can't be written."""

    code = "unwritable_page"


class UnwritableDrawing(ServiceError):
    """The folder or file that a picture is to be drawn to can't be written, or is a picture to read."""

    code = "unwritable_drawing"

    @classmethod
    def at(cls, path: str, error: OSError) -> "UnwritableDrawing":
        """Say where nothing can be written, and why."""
        return cls(f"Nothing can be drawn to {path}: {os_reason(error)}.")


class WorkerLost(ServiceError):
    """A process that predicts files on the command line died."""

    code = "worker_lost"


class UnknownModel(ServiceError):
    """No model, or no version of it, has the name or number that the request asks for."""

    status = 404
    code = "model_not_found"


class ModelControlOff(ServiceError):
    """Requests may not load or unload versions, as the setting says."""

    status = 403
    code = "model_control_off"


class LastVersion(ServiceError):
    """The version is the last that may be the default."""

    status = 409
    code = "last_version"


class NoReport(ServiceError):
    """The version that is served came without a report."""

    status = 404
    code = "not_found"


class MalformedRequest(ServiceError):
    """The request is not put together as it should be."""

    status = 400
    code = "malformed_request"


class UnknownLabel(MalformedRequest):
    """No version carries the label that the request asks for."""

    code = "unknown_label"


class UnknownSignature(MalformedRequest):
    """The model has no signature of the name that the request asks for."""

    code = "unknown_signature"


class InvalidTensor(MalformedRequest):
    """Numbers that the request sends are not pixels of pictures: of another shape or type, or not in [0, 1]."""

    code = "invalid_tensor"


class NoImage(MalformedRequest):
    """The request holds no picture."""

    code = "no_image"


class SeveralImages(MalformedRequest):
    """The request holds several pictures where one is read."""

    code = "several_images"


class EmptyImage(MalformedRequest):
    """The picture has no bytes."""

    code = "empty_image"


class InvalidJSON(MalformedRequest):
    """The body is not the JSON it should be."""

    code = "invalid_json"


class InvalidBase64(MalformedRequest):
    """A text that should be base64, or a data: URL of it, isn't."""

    code = "invalid_base64"


class Unauthorized(ServiceError):
    """Keys are set, and the request brings none of them."""

    status = 401
    code = "unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class RequestTimeout(ServiceError):
    """The request did not arrive in time."""

    status = 408
    code = "request_timeout"


class Draining(ServiceError):
    """The service was told to stop, and wants no more requests."""

    status = 503
    code = "draining"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class Overloaded(ServiceError):
    """As many requests wait as may."""

    status = 503
    code = "overloaded"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class TooLarge(ServiceError):
    """The upload is over a limit: in bytes, pixels, frames or files."""

    status = 413
    code = "too_large"


class HeadersTooLarge(ServiceError):
    """The request's head, or what frames its body, is longer than is read."""

    status = 431
    code = "headers_too_large"


class UnsupportedMediaType(ServiceError):
    """The request's Content-Type is none that is read."""

    status = 415
    code = "unsupported_media_type"


class UnreadableImage(ServiceError):
    """The bytes are not a picture, or not one of a format that is read, or a damaged one."""

    status = 415
    code = "unreadable_image"


class WrongImageSize(ServiceError):
    """The picture is not 28x28, and the request forbids to prepare it."""

    status = 422
    code = "wrong_image_size"


class NoDigit(ServiceError):
    """The picture shows nothing written: it is blank, a gradient, or noise."""

    status = 422
    code = "no_digit"


class UnclearInk(NoDigit):
    """What seems to be the ink of a digit is hardly sure anywhere."""


class SeveralDigits(ServiceError):
    """The picture shows several digits of about one size: /read reads them."""

    status = 422
    code = "several_digits"


class TooManyDigits(ServiceError):
    """The picture shows more digits than are read."""

    status = 413
    code = "too_many_digits"

    @classmethod
    def of(cls, count: int, limit: int) -> "TooManyDigits":
        """Say how many there are, and how many are read."""
        return cls(f"The image shows {count} digits: at most {limit} are read. Send parts of it.")
