"""How far a run is: counted, and shown on standard error."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from service.errors import ServiceError

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

Item = TypeVar("Item")

LOG_SECONDS = 30
FEW_STEPS = 2  # need no bar


class Progress(NamedTuple):
    """How many images have been answered, how many of them by an error, and how many had been answered earlier."""

    images: int = 0
    errors: int = 0
    earlier: int = 0

    @classmethod
    def of(cls, outcomes: Sequence[object]) -> "Progress":
        """Return the progress of answers and errors."""
        return cls(len(outcomes), sum(isinstance(outcome, ServiceError) for outcome in outcomes))

    def plus(self, other: "Progress") -> "Progress":
        """Return the sum of both."""
        return Progress(*map(sum, zip(self, other, strict=True)))

    def describe(self) -> str:
        """Return a sentence."""
        earlier = f", {self.earlier:,} answered earlier" if self.earlier else ""
        images = f"{self.images:,} image{'s' * (self.images != 1)}"
        return f"{images} answered, {self.errors:,} of them by an error{earlier}."


Report = Callable[[Progress], None]  # called with what has been done since the last call


class Tally:
    """Adds up progress, and shows it."""

    def __init__(self, show: Callable[[Progress, Progress], None]) -> None:
        """Set the function that shows the last progress and the sum."""
        self.sum = Progress()
        self._show = show

    def report(self, progress: Progress) -> None:
        """Add progress, and show it."""
        self.sum = self.sum.plus(progress)
        self._show(progress, self.sum)


class Log:
    """Writes how far a run is as a line, every 30 seconds, for logs."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()

    def show(self, _: Progress, total: Progress) -> None:
        """Write a line if it is time."""
        now = time.monotonic()
        if now >= self._last + LOG_SECONDS:
            self._last = now
            click.echo(f"{total.describe()} {total.images / (now - self._start):,.0f} a second.", err=True)


@contextmanager
def showing(total: int | None, step: int) -> Iterator[Tally]:
    """Yield a tally that is shown on standard error: as a bar on a terminal, else as lines.

    Args:
        total: the number of images; None if it is not known.
        step: the number of images after which the bar is drawn again.

    """
    if sys.stderr.isatty():
        with _bar(iter(()), total, step) as bar:
            yield Tally(lambda last, _: bar.update(last.images + last.earlier))
    else:
        yield Tally(Log().show)


def watched(items: Iterable[Item], total: int | None, step: int) -> Iterator[Item]:
    """Yield items, and show a bar on a terminal if there are many. The arguments are those of `showing`."""
    if not sys.stderr.isatty() or (total is not None and total <= FEW_STEPS * step):
        yield from items
    else:
        with _bar(items, total, step) as bar:
            yield from bar


def _bar(items: Iterable[Item], total: int | None, step: int) -> "ProgressBar[Item]":
    # A generator, as click takes the length of other iterables for the number of steps.
    return click.progressbar((item for item in items), total, file=sys.stderr, show_pos=True, update_min_steps=step)
