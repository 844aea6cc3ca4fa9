"""Many pictures at once over HTTP, and the bare model: python tests/benchmarks/batch_time.py [vectors|files|tensorflow]

Two workers answer wrk, which shares their two cores; the bare loops run as two processes on the same cores. All are
measured in turn, and the medians over the rounds are shown.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from service.digits import scale
from service.settings import DEFAULT_MODELS
from tests.conftest import ROOT, Server, clean_environment, multipart, png, serving
from training import data

ROUNDS, SECONDS = 5, 2
PROCESSES = 2
PICTURES, FILES = 1000, 100  # of a request
VERSION = DEFAULT_MODELS / "mnist" / "2"
TICKS = os.sysconf("SC_CLK_TCK")

# Each answers a line on its standard input with the pictures that it reads a second, and its CPU seconds for each.
LOOP = f"""
import sys, time
print("ready", flush=True)
for _ in sys.stdin:
    pictures, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < start + {SECONDS}:
        call()
        pictures += len(batch)
    print(pictures / (time.perf_counter() - start), (time.process_time() - cpu) / pictures, flush=True)
"""
LITERT = """
import numpy as np
from ai_edge_litert.interpreter import Interpreter
batch = np.random.default_rng(0).random(({size}, 784), np.float32)
model = Interpreter("{version}/assets.extra/model.tflite", num_threads=1)
given, answer = model.get_input_details()[0]["index"], model.get_output_details()[0]["index"]
model.resize_tensor_input(given, batch.shape)
model.allocate_tensors()
def call():
    model.set_tensor(given, batch)
    model.invoke()
    model.get_tensor(answer)
"""
TENSORFLOW = """
import numpy as np, tensorflow as tf
if {threads}:
    tf.config.threading.set_intra_op_parallelism_threads({threads})
    tf.config.threading.set_inter_op_parallelism_threads({threads})
batch = np.random.default_rng(0).random((1, 784), np.float32)
model = tf.saved_model.load("{version}")
function = model.signatures["serving_default"]
def call():
    function(image=tf.constant(batch))["probabilities"].numpy()
"""

Measured = tuple[float, float]  # pictures a second, and CPU seconds for each
Measure = Callable[[], Measured]


@dataclass(frozen=True)
class Post:
    """A request that wrk makes over and over, of so many pictures."""

    path: str
    body: bytes
    headers: dict[str, str]
    pictures: int = 1


def tensor(pictures: NDArray[np.uint8] | NDArray[np.float32], datatype: str) -> Post:
    """Ask as Triton's client does, by raw bytes both ways."""
    given = {"name": "image", "shape": pictures.shape, "datatype": datatype}
    parameters = {"binary_data_size": pictures.nbytes}
    document = json.dumps({"inputs": [given | {"parameters": parameters}], "parameters": {"binary_data_output": True}})
    headers = {"Inference-Header-Content-Length": str(len(document))}
    return Post("/v2/models/mnist/infer", document.encode() + pictures.tobytes(), headers, len(pictures))


def run_wrk(server: Server, post: Post, connections: int) -> Measured:
    """Let wrk post for a while."""
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder) / "body", Path(folder) / "post.lua"
        body.write_bytes(post.body)
        headers = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in post.headers.items())
        script.write_text(f'wrk.method = "POST"\n{headers}wrk.body = io.open("{body}", "rb"):read("*a")\n')
        command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", str(script)]
        before = cpu_seconds(server)
        shown = subprocess.run(
            [*command, f"http://127.0.0.1:{server.port}{post.path}"], capture_output=True, text=True, check=True
        ).stdout
    taken = cpu_seconds(server) - before
    found, count = re.search(r"Requests/sec: +([\d.]+)", shown), re.search(r"(\d+) requests in", shown)
    assert found, shown
    assert count, shown
    assert "Non-2xx" not in shown, shown
    assert "Socket errors" not in shown, shown
    return float(found[1]) * post.pictures, taken / int(count[1]) / post.pictures


def cpu_seconds(server: Server) -> float:
    """Add up the CPU time of the workers."""
    pids = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / TICKS


@contextmanager
def bare(program: str, **values: object) -> Iterator[Measure]:
    """Start processes that run a bare model; all loop at once when they are measured."""
    code = program.format(version=VERSION, **values) + LOOP
    command = [sys.executable, "-c", code]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, env=clean_environment(), text=True, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            )
            for _ in range(PROCESSES)
        ]  # fmt: skip
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        yield partial(loop, processes)


def loop(processes: list[subprocess.Popen[str]]) -> Measured:
    """Let all loop at once for a while."""
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    measured = [[float(each) for each in process.stdout.readline().split()] for process in processes if process.stdout]
    return sum(rate for rate, _ in measured), sum(cpu for _, cpu in measured) / len(measured)


def vectors(stack: ExitStack, pictures: NDArray[np.uint8]) -> dict[str, Measure]:
    """List what is measured of tensors."""
    server = stack.enter_context(serving("--workers", str(PROCESSES)))
    posts = {
        "UINT8": tensor(pictures, "UINT8"),
        "FP32": tensor(scale(pictures), "FP32"),
    }
    return {
        f"bare LiteRT in batches of {PICTURES}": stack.enter_context(bare(LITERT, size=PICTURES)),
        "bare LiteRT in batches of 128": stack.enter_context(bare(LITERT, size=128)),
        **{f"/v2 {kind}": partial(run_wrk, server, post, 4) for kind, post in posts.items()},
    }


def files(stack: ExitStack, pictures: NDArray[np.uint8]) -> dict[str, Measure]:
    """List what is measured of files."""
    server = stack.enter_context(serving("--workers", str(PROCESSES)))
    contents = [(f"{number}.png", png(picture)) for number, picture in enumerate(pictures[:FILES])]
    many = Post("/predict/batch", *multipart(*contents), FILES)
    one = Post("/predict", contents[0][1], {"Content-Type": "image/png"})
    return {
        "/predict": partial(run_wrk, server, one, 16),
        f"/predict/batch, {FILES} files": partial(run_wrk, server, many, 4),
    }


def tensorflow(stack: ExitStack, pictures: NDArray[np.uint8]) -> dict[str, Measure]:
    """List what is measured of TensorFlow's runtime."""
    server = stack.enter_context(serving("--workers", str(PROCESSES), "--runtime", "tensorflow"))
    one = Post("/predict", png(pictures[0]), {"Content-Type": "image/png"})
    return {
        "bare concrete function": stack.enter_context(bare(TENSORFLOW, threads=0)),
        "the same on one thread": stack.enter_context(bare(TENSORFLOW, threads=1)),
        "/predict": partial(run_wrk, server, one, 16),
    }


def main(wanted: list[str]) -> None:
    """Print a table for each part, relative to its first row."""
    pictures = data.load().x_test[:PICTURES]
    parts = {part.__name__: part for part in (vectors, files, tensorflow)}
    for name in wanted or parts:
        rates, cpu = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
        with ExitStack() as stack:
            measures = parts[name](stack, pictures)
            for _ in range(ROUNDS):
                for each, measure in measures.items():
                    rate, taken = measure()
                    rates[each].append(rate)
                    cpu[each].append(taken * 1e6)
        first = next(iter(rates))
        print(f"\n| {name} | pictures a second | ratio | CPU for each |\n| --- | --: | --: | --: |")
        for each, values in rates.items():
            ratio = median(value / of for value, of in zip(values, rates[first], strict=True))
            print(f"| {each} | {median(values):,.0f} | {ratio:.2f} | {median(cpu[each]):.1f} us |")


if __name__ == "__main__":
    main(sys.argv[1:])
