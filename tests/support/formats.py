"""Images for schemathesis to send: a schema can't say which bytes are an image."""

import base64
import io
from itertools import chain

import schemathesis
from hypothesis import strategies as st
from PIL import Image, ImageOps

from service.preparation import heif
from tests.support.paths import SEVEN


def encode(kind: str) -> list[bytes]:
    """Encode a seven, light on dark and dark on light; in 28x28, so that it is read without preparation, too."""
    files = []
    with Image.open(SEVEN) as seven:
        for image in (seven, ImageOps.invert(seven)):
            file = io.BytesIO()
            image.save(file, kind)
            files.append(file.getvalue())
    return files


if heif.FORMATS:
    heif.register()  # Pillow writes HEIC images after this
FILES = {kind: encode(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "AVIF", *heif.FORMATS)}
IMAGES = st.sampled_from([*chain(*FILES.values())])

schemathesis.openapi.format("binary", IMAGES)
schemathesis.openapi.format("byte", IMAGES.map(lambda file: base64.b64encode(file).decode()))
for kind, files in FILES.items():
    schemathesis.openapi.media_type(f"image/{kind.lower()}", st.sampled_from(files))
