"""Makes requests of all kinds that hold images, each from a seed and its number."""

import base64
import gzip
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cached_property
from random import Random
from typing import NamedTuple
from urllib.parse import quote

from tests.benchmarks.fuzz import files
from tests.benchmarks.fuzz.files import File
from tests.benchmarks.fuzz.mutations import mutate, mutate_file, mutate_json

READ_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "PPM", "HEIF", "AVIF")
PREDICT_V1, INFER_V2 = "/v1/models/mnist:predict", "/v2/models/mnist/infer"
MEDIA_TYPES = ("", "application/octet-stream", "image/png", "image/tiff", "image/x")
ODD_MEDIA_TYPES = ("text/plain", "\xff", "multipart/form-data", "application/x-www-form-urlencoded")
HEADS = (
    b'name="image"; filename="a.png"', b'name="image"; filename="a.png"\r\nContent-Type: image/png', b'name="image"',
    b'name="image"; filename=""', b'name="\xe9"; filename="\xe9\xff.png"', b"name=image; filename=a.png", b"",
    b"name=\"image\"; filename*=UTF-8''%e2%82%ac.png", b'name="image"; filename*=x\'y\'%ff', b'name="a\\"b"; filename=',
    b'name="image"; filename="a.png"\r\nContent-Transfer-Encoding: base64', b'name="image"; filename="' + b"a" * 5000,
    b'name="image"; filename="a.png"\r\nContent-Type: text/plain; charset=utf-16', b'filename="a"; filename="b"',
)  # fmt: skip
BOUNDARIES = ("", "; boundary=", "; boundary=other", '; boundary="limit"', "; boundary=\xff", "; boundary=" + "a" * 300)

Body = tuple[str, bytes, dict[str, str]]  # the path, the body, and the headers


class Request(NamedTuple):
    """A request as it is sent, and its path without the query."""

    path: str
    data: bytes


class Requests:
    """Makes requests, the same for a seed if Pillow writes the same files."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    @cached_property
    def _files(self) -> dict[str, list[File]]:
        return files.make()

    @cached_property
    def _formats(self) -> list[str]:
        """The formats to choose from, those that are read eight times as often."""
        return [kind for kind in self._files for _ in range(8 if kind in READ_FORMATS else 1)]

    def make(self, number: int) -> Request:
        """Return the request of a number."""
        random = Random(f"{self._seed}-{number}")  # noqa: S311
        kinds, weights = zip(*KINDS.items(), strict=True)
        path, body, headers = random.choices(kinds, weights)[0](self, random)
        if random.random() < 0.05:
            body, headers = _compress(body, headers, random)
        return Request(path.partition("?")[0], _encode(path, body, headers))

    def image(self, random: Random) -> bytes:
        """Return a mutated image file."""
        return mutate_file(self._file(random), self._file(random), random)

    def _file(self, random: Random) -> File:
        return random.choice(self._files[random.choice(self._formats)])

    def raw(self, random: Random) -> Body:
        """Return an image as the body, for one of the paths that accept it."""
        path = random.choices(("/predict", "/predict?prepare=none", "/read", "/explain"), (30, 2, 5, 1))[0]
        kinds = MEDIA_TYPES if random.random() < 0.97 else ODD_MEDIA_TYPES
        return path, self.image(random), {"Content-Type": random.choice(kinds)}

    def form(self, random: Random) -> Body:
        """Return a form; half of the forms are mutated too."""
        path, most = random.choice((("/predict", 1), ("/read", 1), ("/predict/batch", 5)))
        is_odd = random.random() < 0.5
        heads = [random.choice(HEADS) if is_odd else HEADS[0] for _ in range(random.randint(1, most))]
        parts = [
            b"--limit\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + self.image(random) for head in heads
        ]
        body = b"\r\n".join([*parts, b"--limit--\r\n"])
        boundary = random.choice(BOUNDARIES) if is_odd and random.random() < 0.3 else "; boundary=limit"
        if is_odd and random.random() < 0.5:
            body = mutate(body, parts[0], random)
        return path, body, {"Content-Type": "multipart/form-data" + boundary}

    def base64(self, random: Random) -> Body:
        """Return an image in JSON."""
        text = base64.b64encode(self.image(random))
        text = random.choice((b"", b"", b"", b"data:image/png;base64,", b"data:,", b" ")) + text
        return "/predict", self._document(b'{"image": "' + text + b'"}', random), {"Content-Type": "application/json"}

    def text(self, random: Random) -> Body:
        """Return an image in base64 as a form's field."""
        text = random.choice((b"", b"data:image/png;base64,", b"data:,")) + base64.b64encode(self.image(random))
        path = random.choice(("/predict", "/read"))
        if random.random() < 0.5:
            field = b"image=" + random.choice((text, quote(text).encode()))
            return path, field, {"Content-Type": "application/x-www-form-urlencoded"}
        field = b'--limit\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + text + b"\r\n--limit--\r\n"
        return path, field, {"Content-Type": "multipart/form-data; boundary=limit"}

    def v1(self, random: Random) -> Body:
        """Return a request of TensorFlow Serving's API."""
        document = random.choice(
            (
                b'{"instances": [%b]}' % _vector(random),
                b'{"signature_name": "serving_default", "inputs": [%b, %b]}' % (_vector(random), _vector(random)),
                b'{"instances": [{"b64": "%b"}]}' % base64.b64encode(self.image(random)),
                b'{"instances": [{"image": %b}]}' % _rows(random),
                b'{"inputs": {"image": [%b]}}' % _rows(random),
            )
        )
        return PREDICT_V1, self._document(document, random), {}

    def classify(self, random: Random) -> Body:
        """Return examples of TensorFlow Serving's API."""
        document = b'{"examples": [{"image": %b}], "context": {}}' % _vector(random)
        return PREDICT_V1.replace("predict", "classify"), self._document(document, random), {}

    def v2(self, random: Random) -> Body:
        """Return a request of the Open Inference Protocol, in JSON."""
        shape, kind, data = random.choice(
            (
                (b"1, 784", b"FP32", _vector(random)),
                (b"1, 28, 28", b"UINT8", b"[%b]" % b",".join([b"%d" % random.randrange(256)] * 784)),
                (b"1, 28, 28, 1", b"FP32", b"[%b]" % _rows(random)),
                (b"1", b"BYTES", b'["%b"]' % base64.b64encode(self.image(random))),
            )
        )
        outputs = b', "outputs": [{"name": "probabilities", "parameters": {"classification": 3}}]'
        document = b'{"id": "a", "inputs": [{"name": "image", "shape": [%b], "datatype": "%b", "data": %b}]%b}' % (
            shape,
            kind,
            data,
            random.choice((b"", outputs)),
        )
        return INFER_V2, self._document(document, random), {"Content-Type": "application/json"}

    def binary(self, random: Random) -> Body:
        """Return a request of the binary tensor extension."""
        image = self.image(random)
        shape, kind, raw = random.choice(
            (
                (b"1, 28, 28", b"UINT8", random.randbytes(784)),
                (b"1, 784", b"FP32", random.randbytes(3136)),
                (b"2, 784", b"FP32", bytes(6272)),
                (b"1", b"BYTES", struct.pack("<I", len(image)) + image),
            )
        )
        head = (
            b'{"inputs": [{"name": "image", "shape": [%b], "datatype": "%b", "parameters": {"binary_data_size": %d}}], '
            b'"parameters": {"binary_data_output": true}}'
        ) % (shape, kind, len(raw))
        head, length = self._document(head, random), len(head)
        length = len(head) if random.random() < 0.8 else length
        if random.random() < 0.3:
            raw = mutate(raw, image, random)
        if random.random() < 0.1:
            length = random.choice((0, 1, -1, len(head) + len(raw), 2**31, 10**30))
        return INFER_V2, head + raw, {"Inference-Header-Content-Length": str(length)}

    def _document(self, document: bytes, random: Random) -> bytes:
        """Return JSON unchanged, with other tokens, or with mutated bytes."""
        way = random.random()
        if way < 0.4:
            return document
        return mutate_json(document, random) if way < 0.8 else mutate(document, document, random)


KINDS: Mapping[Callable[[Requests, Random], Body], float] = {
    Requests.raw: 48, Requests.form: 16, Requests.base64: 8, Requests.text: 2, Requests.v1: 9, Requests.classify: 2,
    Requests.v2: 7, Requests.binary: 8,
}  # fmt: skip


def _vector(random: Random) -> bytes:
    values = random.choice(((b"0",), (b"0.5", b"1"), (b"0", b"1", b"0.25", b"0.98"), (b"2",), (b"255", b"0")))
    return b"[%b]" % b",".join((values * 784)[: random.choice((784, 784, 784, 783, 1))])


def _rows(random: Random) -> bytes:
    row = random.choice((b"[%b]" % b",".join([b"0.5"] * 28), b"[%b]" % b",".join([b"[1]"] * 28)))
    return b"[%b]" % b",".join([row] * random.choice((28, 28, 28, 27)))


def _compress(body: bytes, headers: dict[str, str], random: Random) -> tuple[bytes, dict[str, str]]:
    """Compress a body, mutate half of the bodies, and give a few of them a wrong Content-Encoding."""
    name = random.choice(("gzip", "deflate"))
    compressed = gzip.compress(body, 1, mtime=0) if name == "gzip" else zlib.compress(body, 1)
    if random.random() < 0.5:
        compressed = mutate(compressed, body, random)
    return compressed, headers | {"Content-Encoding": name if random.random() < 0.9 else "gzip, br"}


def _encode(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: fuzz", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
