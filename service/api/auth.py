"""API keys: read as hashes, and required by every request except those for health."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flask
from flask import request

from service.errors import SettingsError, Unauthorized
from service.settings import Settings

# Load balancers and orchestrators have no key. The worker answers these paths before all others.
HEALTH_PATHS = {
    path + slash for path in ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready") for slash in ("", "/")
}

KEY_HASH = re.compile(r"sha256:[0-9a-fA-F]{64}")


def read_key_digests(settings: Settings) -> list[bytes]:
    """Return the SHA-256 of each key in the settings; an empty list if no keys are set.

    Raises:
        SettingsError: the file of keys can't be read or has no key, or a hash is malformed.

    """
    keys = [key.strip() for key in settings.api_keys.split(",")]
    if settings.api_keys_file:
        keys += _read_file(settings.api_keys_file)
    digests = [_digest(key) for key in keys if key]
    if not digests and (settings.api_keys or settings.api_keys_file):
        raise SettingsError("MNIST_API_KEYS and MNIST_API_KEYS_FILE are set, but hold no key.")
    return digests


def _read_file(path: str) -> list[str]:
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:  # the message omits the path: it may be a key, set in the wrong place
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "it is not text in UTF-8"
        raise SettingsError(f"The file of MNIST_API_KEYS_FILE can't be read: {reason}.") from None
    return [line for line in map(str.strip, lines) if not line.startswith("#")]


def _digest(key: str) -> bytes:
    if KEY_HASH.fullmatch(key):
        return bytes.fromhex(key.removeprefix("sha256:"))
    if key.startswith("sha256:"):
        raise SettingsError("MNIST_API_KEYS has a hash that is not sha256: and 64 hexadecimal digits.")
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def init_app(app: flask.Flask, digests: list[bytes]) -> None:
    """Check the key of each request to an application, if any keys are set."""

    def check_request() -> None:
        # A browser asks by OPTIONS, without a key, whether it may send one.
        if request.path not in HEALTH_PATHS and request.method != "OPTIONS":
            check_key(request.environ, digests)

    app.before_request(check_request)


def check_key(environ: Mapping[str, Any], digests: list[bytes]) -> None:
    """Check that a request has one of the keys, if any keys are set.

    Raises:
        Unauthorized: the request has no key, or an unknown one.

    """
    if digests and not _is_valid(_read_key(environ), digests):
        raise Unauthorized("A key is needed, as Authorization: Bearer KEY, or as X-API-Key: KEY.")


def _read_key(environ: Mapping[str, Any]) -> str:
    scheme, _, credentials = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return str(credentials.strip() if scheme.lower() == "bearer" else environ.get("HTTP_X_API_KEY", ""))


def _is_valid(key: str, digests: list[bytes]) -> bool:
    """Compare a key with all keys, in a time that does not depend on them."""
    key_digest = hashlib.sha256(key.encode("latin-1")).digest()  # the bytes that were sent, whatever their encoding
    return sum([hmac.compare_digest(key_digest, digest) for digest in digests]) > 0
