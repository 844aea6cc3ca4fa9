"""What `predict` and `read` do with images: they share them out, and write the answers."""

import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import click

from service.batch import progress, targets
from service.batch.processes import Processes
from service.batch.references import Drawn, Reference, split
from service.batch.rows import Answer
from service.batch.sources import Sources
from service.batch.tasks import Task
from service.cli import output
from service.errors import EngineError, MissingPackage, UnwritableOutput

if TYPE_CHECKING:
    from service.batch.encoding import FileFormat
    from service.batch.engine import Engine


@dataclass(frozen=True)
class Destination:
    """Where the answers go, and in which form."""

    row_format: "output.Format | FileFormat | None"
    output: str = ""
    resume: bool = False
    engine: Literal["plain", "ray"] = "plain"
    address: str = ""


def answer(task: Task[Answer], sources: Sources, destination: Destination, drawings: str | None = None) -> bool:
    """Answer all images, and return whether none has an error.

    Args:
        task: the question to each image: a prediction or a reading.
        sources: the images.
        destination: where the answers go.
        drawings: the folder of the drawings, if there are to be any.

    Raises:
        ServiceError: an image that is bad is a row with its error; other errors end the work.

    """
    sources.check_packages()
    references: Iterable[Reference] = sources
    if drawings is not None:
        references = _plan_drawings(references, drawings)
    engine = _choose_engine(task, sources, destination)
    if not destination.output:
        all_answered = _print(task, sources, references, engine, destination)
    else:
        all_answered = _write(task, sources, references, engine, destination)
    if sentence := sources.left_out.describe():
        click.echo(sentence, err=True)
    return all_answered


def _choose_engine(task: Task[Answer], sources: Sources, destination: Destination) -> "Engine":
    """Return the engine that is asked for.

    Raises:
        EngineError: the engine can't do this.
        MissingPackage: Ray isn't installed.

    """
    if destination.address and destination.engine != "ray":
        raise EngineError("--address is that of a Ray cluster: give --engine ray, too.")
    if destination.engine == "plain":
        return Processes(1 if sources.has_standard_input else task.settings.workers)
    from service.batch import outputs, parts

    if sources.has_standard_input:
        raise EngineError("Ray can't read standard input.")
    if not isinstance(outputs.find_output(destination.output or ".csv", None, task), parts.PartFolder):
        raise EngineError("Ray writes a file for each 1,024 images: name a folder with --output.")
    try:
        from service.batch.ray_engine import RayEngine
    except ImportError:
        raise MissingPackage.of("--engine ray", "ray", "ray") from None
    return RayEngine(destination.address, task.settings.workers)


def _plan_drawings(references: Iterable[Reference], folder: str) -> list[Drawn]:
    images = list(references)
    paths = targets.plan_targets([image.name for image in images], folder)
    return [Drawn(image, path) for image, path in zip(images, paths, strict=True)]


def _print(
    task: Task[Answer], sources: Sources, references: Iterable[Reference], engine: "Engine", destination: Destination
) -> bool:
    if destination.resume:
        raise UnwritableOutput("--resume goes on with an output: name it with --output.")
    row_format = destination.row_format or ("table" if sys.stdout.isatty() else "csv")
    if row_format == "parquet":
        raise UnwritableOutput("Parquet is written to files: name one with --output.")
    width = 0
    if row_format == "table":
        references = list(references)
        width = output.column_width([reference.name for reference in references])
    with closing(engine.answer_chunks(task, split(references, task.chunk_images))) as answers:
        # On a terminal the rows themselves show the progress.
        items = answers if sys.stdout.isatty() else progress.watched(answers, _count(sources), task.chunk_images)
        return output.write_rows(row_format, task.layout, items, width)


def _write(
    task: Task[Answer], sources: Sources, references: Iterable[Reference], engine: "Engine", destination: Destination
) -> bool:
    from service.batch import outputs

    if destination.row_format == "table":
        raise UnwritableOutput("A table is for people: --format csv, jsonl or parquet goes with --output.")
    target = outputs.find_output(destination.output, destination.row_format, task)
    target.prepare(destination.resume)
    with progress.showing(_count(sources), task.chunk_images) as tally:
        target.write(references, engine, tally.report)
    click.echo(tally.sum.describe(), err=True)
    return not tally.sum.errors


def _count(sources: Sources) -> int | None:
    """Return the number of images for a progress bar. Without a terminal they are listed once only."""
    return sources.count_images() if sys.stderr.isatty() else None
