"""Pictures for schemathesis to send: which bytes are one is more than a schema can say."""

import base64
import io
from itertools import chain

import schemathesis
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.conftest import SEVEN


def encode(kind: str) -> list[bytes]:
    """Encode a seven, light on dark and dark on light; of 28x28, so that it is read unprepared, too."""
    files = []
    with Image.open(SEVEN) as seven:
        for picture in (seven, ImageOps.invert(seven)):
            file = io.BytesIO()
            picture.save(file, kind)
            files.append(file.getvalue())
    return files


FILES = {kind: encode(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "HEIF")}
PICTURES = st.sampled_from([*chain(*FILES.values())])

schemathesis.openapi.format("binary", PICTURES)
schemathesis.openapi.format("byte", PICTURES.map(lambda file: base64.b64encode(file).decode()))
for kind, files in FILES.items():
    schemathesis.openapi.media_type(f"image/{kind.lower()}", st.sampled_from(files))
