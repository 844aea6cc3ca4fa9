"""Charts and maps of the report: matplotlib's SVG, and pixels, without a file of their own."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter, StrMethodFormatter
from numpy.typing import NDArray

from service.inference.visualization import HELPED
from training.evaluate import BINS, Answers, reliability

STYLE = {
    "axes.axisbelow": True, "axes.grid": True, "axes.grid.axis": "y",
    "axes.spines.right": False, "axes.spines.top": False, "font.size": 8.5, "legend.frameon": False,
    "lines.linewidth": 1.4, "lines.markersize": 3,
    "xtick.major.size": 0, "ytick.major.size": 0, "ytick.minor.size": 0,
    "svg.fonttype": "none",  # letters, not their outlines: small, and as crisp as the page's own
    "svg.hashsalt": "report",  # the same names inside each time
}  # fmt: skip
# Scales that give small losses, and accuracies near 1, the room that their differences need.
SCALES = {"loss": "log", "accuracy": "logit"}
TICKS = {
    "loss": [digit * 10.0**power for power in range(-4, 3) for digit in (1, 2, 5)],
    "accuracy": [0.01, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999],
}


@dataclass(frozen=True)
class Chart:
    """A chart as data: URLs of an SVG file with nothing behind it: for light pages, and for dark ones."""

    light: str
    dark: str


def curves(history: dict[str, list[float]], key: str) -> Chart:
    """Draw `loss` or `accuracy` by epoch, of training and, where some were held out, of held-out images."""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for name, label in ((key, "training"), (f"val_{key}", "held out")):
            if name in history:
                values = np.clip(history[name], TICKS[key][0], TICKS[key][-1])  # no scale has room for 0 or 1
                axes.plot(np.arange(1, len(values) + 1), values, "o-", label=label, clip_on=False)
        axes.set(xlabel="epoch", xlim=(0.5, len(history[key]) + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        axes.set_title(key.capitalize(), loc="left")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
        _stretch(axes, key)

    return _draw(plot, height=2.7)


def losses(history: dict[str, list[float]], names: Sequence[str], rounds: int) -> Chart:
    """Draw losses `NAME_loss` of training by epoch, each of which has so many rounds, and losses at the end of each."""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for name, style in zip(names, ("-", "--", ":"), strict=False):
            values = np.clip(history[f"{name}_loss"], TICKS["loss"][0], TICKS["loss"][-1])
            axes.plot((np.arange(len(values)) + 1) / rounds, values, style, label=name)
        axes.set(xlabel="epoch", xlim=(0, len(history["loss"]) / rounds))
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        axes.set_title("Loss", loc="left")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names), borderaxespad=0)
        _stretch(axes, "loss")

    return _draw(plot, height=2.7)


def _stretch(axes: Axes, key: str) -> None:
    """Scale what was plotted, from the tick below to the tick above."""
    values, ticks = np.concatenate([line.get_ydata() for line in axes.lines]), TICKS[key]
    lowest, highest = np.searchsorted(ticks, [values.min(), values.max()])
    axes.set_yscale(SCALES[key])
    axes.set_yticks(ticks, [f"{tick:g}" if key == "loss" else f"{100 * tick:g}%" for tick in ticks])
    axes.set_ylim(ticks[max(lowest - 1, 0)], ticks[min(max(highest, 1), len(ticks) - 1)])
    axes.yaxis.set_minor_locator(NullLocator())


def reliability_diagram(answers: Answers) -> Chart:
    """Draw the accuracy of answers by their confidence, above how many there are of each."""
    counts, confidence, accuracy = reliability(answers.confidences, ~answers.errors)
    some, middles = counts > 0, (np.arange(BINS) + 0.5) / BINS

    def plot(figure: Figure) -> None:
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        upper.bar(middles, accuracy, 0.9 / BINS, alpha=0.3)
        upper.plot([0, 1], [0, 1], "--", color=matplotlib.rcParams["text.color"], linewidth=0.8)
        upper.plot(confidence[some], accuracy[some], "o", color="C0", markersize=4, clip_on=False)
        upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
        upper.yaxis.set_major_formatter(PercentFormatter(1))
        lower.bar(middles, counts, 0.9 / BINS, color="C1")
        lower.set(xlabel="confidence", ylabel="answers", yscale="log", ylim=(0.5, 2 * counts.max()))
        lower.xaxis.set_major_formatter(PercentFormatter(1))
        lower.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        lower.yaxis.set_minor_locator(NullLocator())

    return _draw(plot, height=4)


def overlay(digit: NDArray[np.uint8], gradient: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay the size of a gradient float32 (28, 28) in orange over a digit uint8 (28, 28): RGB uint8 (28, 28, 3).

    The colour is the fuller the nearer to the largest absolute value.
    """
    size = np.abs(gradient)[:, :, np.newaxis]
    gray = 0.5 * digit[:, :, np.newaxis]  # dimmed, so that the colour stands out
    blended: NDArray[np.uint8] = np.rint(gray + (HELPED - gray) * size / (size.max() or 1)).astype(np.uint8)
    return blended


def _draw(plot: Callable[[Figure], None], height: float) -> Chart:
    return Chart(
        light=_url(plot, height, text="#45423d", line="#dedbd3", colors=("#b8480a", "#1f63c4")),
        dark=_url(plot, height, text="#c9c6bf", line="#3a3d44", colors=("#ff9a4d", "#7fb2ff")),
    )


def _url(plot: Callable[[Figure], None], height: float, text: str, line: str, colors: tuple[str, str]) -> str:
    style: dict[Any, Any] = {
        **STYLE, "text.color": text, "axes.labelcolor": text, "xtick.color": text, "ytick.color": text,
        "axes.edgecolor": line, "grid.color": line, "axes.prop_cycle": cycler(color=colors),
    }  # fmt: skip
    file = io.BytesIO()
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(4.3, height), layout="constrained")
        plot(figure)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()
