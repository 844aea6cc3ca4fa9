"""Read images with requests: python examples/requests_client.py http://127.0.0.1:8080 FILE..."""

import sys
import time
from pathlib import Path
from typing import Any

import requests


def post(url: str, paths: list[str]) -> Any:
    """Send image files as a form, and return the answer or the error. Try again while the service is overloaded."""
    files = [("image", (Path(path).name, Path(path).read_bytes())) for path in paths]
    while True:
        response = requests.post(url, files=files, timeout=30)
        answer = response.json()
        if answer.get("code") != "overloaded":
            return answer
        time.sleep(float(response.headers["Retry-After"]))


def describe(answer: Any) -> str:
    """Return a prediction, or the error, as text. Each kind of error has a code that never changes."""
    if "error" in answer:
        return "nothing is written there" if answer["code"] == "no_digit" else f"{answer['error']} ({answer['code']})"
    return f"{answer['digit']}, {answer['confidence']:.2%}{', uncertain' if answer['uncertain'] else ''}"


if __name__ == "__main__":
    address, *paths = sys.argv[1:]
    print("One digit:", describe(post(f"{address}/predict", paths[:1])))
    batch = post(f"{address}/predict/batch", paths)
    if "error" in batch:  # an error of the whole request, such as too_large
        sys.exit(f"{batch['error']} ({batch['code']})")
    for path, item in zip(paths, batch["predictions"], strict=True):
        print(f"{path}: {describe(item)}")
    for path in paths:
        reading = post(f"{address}/read", [path])
        print(f"All digits of {path}:", reading["text"].replace("\n", " ") if "text" in reading else describe(reading))
