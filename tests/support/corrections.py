"""Corrections as the service keeps them."""

import hashlib
from pathlib import Path

import msgspec

from service.feedback.store import Correction, folder_name


def write_correction(
    folder: Path, image: bytes, digit: int | None, predicted: int | None, confidence: float | None, version: str = "3"
) -> str:
    """Write an image and its record, and return the path of the image in the folder."""
    path = Path(folder_name(digit), hashlib.sha256(image).hexdigest()[:16]).with_suffix(".png")
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(image)
    record = Correction(digit, predicted, confidence, version, "2026-11-27T06:21:54Z")
    (folder / path).with_suffix(".json").write_bytes(msgspec.json.encode(record))
    return path.as_posix()
