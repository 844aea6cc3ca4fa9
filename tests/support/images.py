"""Images as files, and as fields of a form."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def multipart(*files: tuple[str, bytes], field: str = "image") -> tuple[bytes, dict[str, str]]:
    parts = [
        b'--limit\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n%b\r\n'
        % (field.encode(), name.encode(), content)
        for name, content in files
    ]
    return b"".join(parts) + b"--limit--\r\n", {"Content-Type": "multipart/form-data; boundary=limit"}


def is_color(drawing: NDArray[np.uint8], color: tuple[int, int, int]) -> NDArray[np.bool_]:
    colored: NDArray[np.bool_] = (drawing == color).all(axis=-1)
    return colored


def green(image: Image.Image) -> NDArray[np.bool_]:
    """Return where an image is tinted."""
    levels = np.asarray(image, np.int64)
    return levels[..., 1] - levels[..., 0] > 60
