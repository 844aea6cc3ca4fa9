"""Charts and maps of the reports, as data: URLs of SVG files by matplotlib, and as pixels."""

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

from service.inference.visualization import SUPPORTING_COLOR
from training.evaluate import BINS, Predictions, bin_by_confidence

STYLE = {
    "axes.axisbelow": True, "axes.grid": True, "axes.grid.axis": "y",
    "axes.spines.right": False, "axes.spines.top": False, "font.size": 8.5, "legend.frameon": False,
    "lines.linewidth": 1.4, "lines.markersize": 3,
    "xtick.major.size": 0, "ytick.major.size": 0, "ytick.minor.size": 0,
    "svg.fonttype": "none",  # text, not outlines: fewer bytes, and as sharp as the page's text
    "svg.hashsalt": "report",  # the same names within the file each time
}  # fmt: skip
# Scales that show differences of small losses, and of accuracies near 1.
SCALES = {"loss": "log", "accuracy": "logit"}
TICKS = {
    "loss": [digit * 10.0**power for power in range(-4, 3) for digit in (1, 2, 5)],
    "accuracy": [0.01, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999],
}


@dataclass(frozen=True)
class Chart:
    """A chart as data: URLs of SVG files with a transparent background, for light pages and for dark pages."""

    light: str
    dark: str


def draw_curves(history: dict[str, list[float]], key: str) -> Chart:
    """Draw `loss` or `accuracy` by epoch, of the training images and of held-out images if there are any."""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for name, label in ((key, "training"), (f"val_{key}", "held out")):
            if name in history:
                values = np.clip(history[name], TICKS[key][0], TICKS[key][-1])  # neither scale can show 0 or 1
                axes.plot(np.arange(1, len(values) + 1), values, "o-", label=label, clip_on=False)
        axes.set_xlim(0.5, len(history[key]) + 0.5)
        _label_axes(axes, key)

    return _draw(plot, height=2.7)


def draw_losses(history: dict[str, list[float]], names: Sequence[str], rounds: int) -> Chart:
    """Draw the training losses `NAME_loss` by epoch; an epoch has `rounds` rounds, each with a loss at its end."""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for name, style in zip(names, ("-", "--", ":"), strict=False):
            values = np.clip(history[f"{name}_loss"], TICKS["loss"][0], TICKS["loss"][-1])
            axes.plot((np.arange(len(values)) + 1) / rounds, values, style, label=name)
        axes.set_xlim(0, len(history["loss"]) / rounds)
        _label_axes(axes, "loss")

    return _draw(plot, height=2.7)


def _label_axes(axes: Axes, key: str) -> None:
    """Label a chart of `loss` or `accuracy` by epoch. Its vertical axis ends at the ticks around the values."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_title(key.capitalize(), loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(axes.lines), borderaxespad=0)
    values, ticks = np.concatenate([line.get_ydata() for line in axes.lines]), TICKS[key]
    lowest, highest = np.searchsorted(ticks, [values.min(), values.max()])
    axes.set_yscale(SCALES[key])
    axes.set_yticks(ticks, [f"{tick:g}" if key == "loss" else f"{100 * tick:g}%" for tick in ticks])
    axes.set_ylim(ticks[max(lowest - 1, 0)], ticks[min(max(highest, 1), len(ticks) - 1)])
    axes.yaxis.set_minor_locator(NullLocator())


def draw_reliability(predictions: Predictions) -> Chart:
    """Draw the accuracy of predictions by confidence, above their number by confidence."""
    counts, confidence, accuracy = bin_by_confidence(predictions.confidences, ~predictions.errors)
    filled, middles = counts > 0, (np.arange(BINS) + 0.5) / BINS

    def plot(figure: Figure) -> None:
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        upper.bar(middles, accuracy, 0.9 / BINS, alpha=0.3)
        upper.plot([0, 1], [0, 1], "--", color=matplotlib.rcParams["text.color"], linewidth=0.8)
        upper.plot(confidence[filled], accuracy[filled], "o", color="C0", markersize=4, clip_on=False)
        upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
        upper.yaxis.set_major_formatter(PercentFormatter(1))
        lower.bar(middles, counts, 0.9 / BINS, color="C1")
        lower.set(xlabel="confidence", ylabel="answers", yscale="log", ylim=(0.5, 2 * counts.max()))
        lower.xaxis.set_major_formatter(PercentFormatter(1))
        lower.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        lower.yaxis.set_minor_locator(NullLocator())

    return _draw(plot, height=4)


def overlay_gradient(digit: NDArray[np.uint8], gradient: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw the absolute gradient float32 (28, 28) in orange over a digit uint8 (28, 28): RGB uint8 (28, 28, 3).

    The largest absolute value has the full color.
    """
    size = np.abs(gradient)[:, :, np.newaxis]
    gray = 0.5 * digit[:, :, np.newaxis]  # dimmed, so that the color stands out
    blended: NDArray[np.uint8] = np.rint(gray + (SUPPORTING_COLOR - gray) * size / (size.max() or 1)).astype(np.uint8)
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
