"""Changes bytes at random, as in damaged files and in attacks."""

import re
from collections.abc import Callable
from random import Random

from tests.benchmarks.fuzz.files import PNG_SIGNATURE, File, png_chunk

CHANGE_COUNTS = (1, 1, 1, 2, 4)  # with more, few images are decoded
MAGIC_BYTES = 4  # never changed: a file of an unknown format tests little
HEAD_BYTES = 64  # changed most often: they hold the sizes and types
NUMBERS = (0, 1, 2, 3, 7, 8, 27, 29, 127, 128, 255, 256, 3500, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
WIDTHS_BYTES = (1, 2, 2, 4, 4, 8)
JSON_TOKEN = re.compile(rb'"[^"\\]{0,40}"|-?\d[\d.eE+-]*|[\[\]{},:]|true|false|null')
JSON_TOKENS = (
    b"null", b"true", b"-1", b"0", b"1.5", b"1e999", b"-1e-999", b"NaN", b"Infinity", b"9" * 400, b"1" + 20 * b"0",
    b"[]", b"{}", b"[[]]", b'""', b'"x"', b'"\\ud800"', b'"\\u0000"', b'"b64"', b'{"b64":""}', b'{"b64":1}', b'"BYTES"',
    b'"UINT8"', b'"FP16"', b"[" * 2000, b'{"a":' * 1100, b",", b":", b"]", b"}",
)  # fmt: skip

Change = Callable[[bytes, Random], bytes]


def mutate(data: bytes, other: bytes, random: Random) -> bytes:
    """Return bytes with one or a few changes, some of which insert a part of `other`."""
    for _ in range(random.choice(CHANGE_COUNTS)):
        if random.random() < 0.1:
            data = _splice(data, other, random)
        elif data:
            data = random.choice(CHANGES)(data, random)
    return data


def mutate_file(file: File, other: File, random: Random) -> bytes:
    """Return an image file with changes, or one in 16 without. Most PNGs get right checksums."""
    if random.random() < 1 / 16:
        return file.data
    data = _resize(file, random) if random.random() < 0.3 else mutate(file.data, other.data, random)
    if data.startswith(PNG_SIGNATURE) and random.random() < 0.75:
        return _with_checksums(data)
    return data


def mutate_json(document: bytes, random: Random) -> bytes:
    """Return JSON with one or a few tokens replaced."""
    tokens = [*JSON_TOKEN.finditer(document)]
    for token in sorted(
        random.sample(tokens, min(len(tokens), random.randint(1, 3))), key=re.Match.start, reverse=True
    ):
        document = document[: token.start()] + random.choice(JSON_TOKENS) + document[token.end() :]
    return document


def _place(data: bytes, random: Random) -> int:
    end = min(len(data), HEAD_BYTES) if random.random() < 0.5 else len(data)
    return random.randrange(min(MAGIC_BYTES, end - 1), end)


def _number(random: Random) -> bytes:
    size = random.choice(WIDTHS_BYTES)
    number: int = random.choice(NUMBERS) % 256**size
    return number.to_bytes(size, random.choice(("little", "big")))


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 1 + len(data) // 100))):
        changed[_place(data, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def _overwrite(data: bytes, random: Random) -> bytes:
    place, number = _place(data, random), _number(random)
    return data[:place] + number + data[place + len(number) :]


def _insert(data: bytes, random: Random) -> bytes:
    place = _place(data, random)
    return data[:place] + _number(random) * random.choice((1, 1, 1, 500)) + data[place:]


def _remove(data: bytes, random: Random) -> bytes:
    place = _place(data, random)
    return data[:place] + data[place + random.choice((1, 2, 4, 16, 256)) :]


def _repeat(data: bytes, random: Random) -> bytes:
    place = _place(data, random)
    end = place + random.choice((1, 2, 4, 16, 256))
    return data[:end] + data[place:end] * random.choice((1, 2, 30)) + data[end:]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def _resize(file: File, random: Random) -> bytes:
    """Change a side of an image, wherever the file has that number."""
    side, other = random.choice((file.width, file.height)), random.choice(NUMBERS)
    size = random.choice((2, 4))
    order = random.choice(("little", "big"))
    old = [str(side).encode(), (side % 256**size).to_bytes(size, order)]
    new = [str(other).encode(), (other % 256**size).to_bytes(size, order)]
    form = random.randrange(8) > 0
    return file.data.replace(old[form], new[form], random.randint(1, 2))


def _with_checksums(data: bytes) -> bytes:
    """Correct the checksums of a PNG's whole chunks."""
    place, chunks = len(PNG_SIGNATURE), [PNG_SIGNATURE]
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4])
        chunks.append(png_chunk(data[place + 4 : place + 8], data[place + 8 : end]))
        place = end + 4
    return b"".join(chunks)


CHANGES: tuple[Change, ...] = (_flip, _flip, _cut, _overwrite, _overwrite, _overwrite, _insert, _remove, _repeat)
