"""Every setting of a fit, and the option of the command line that overrides it."""

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Any, TypeVar

import click

from training.data.datasets import HELD_OUT

Command = TypeVar("Command", bound=Callable[..., Any])

# The class in keras.optimizers, and its arguments.
OPTIMIZERS: dict[str, tuple[str, dict[str, float]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "adagrad": ("Adagrad", {}),
    "rmsprop": ("RMSprop", {}),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {"weight_decay": 0.02}),
}


def setting(kind: "click.ParamType[Any]", text: str = "", default: Any = MISSING, source: str = "the recipe's") -> Any:
    """Return a field of a dataclass whose metadata are the arguments of its option.

    Args:
        kind: the type that the option's value is checked by.
        text: the help.
        default: the field's default.
        source: says in the help where the default comes from.

    """
    return dataclasses.field(default=default, metadata={"type": kind, "help": f"{text} [default: {source}]".lstrip()})


def add_options(settings: type) -> Callable[[Command], Command]:
    """Return a decorator that adds an option to a command for each `setting` of a dataclass, without a default."""

    def decorate(command: Command) -> Command:
        for field in reversed(dataclasses.fields(settings)):
            if field.metadata:
                command = click.option(f"--{field.name.replace('_', '-')}", **field.metadata)(command)
        return command

    return decorate


def pop_overrides(settings: type, options: dict[str, Any]) -> dict[str, Any]:
    """Remove the settings of a dataclass from a command's options, and return those that are set."""
    values = {field.name: options.pop(field.name) for field in dataclasses.fields(settings) if field.metadata}
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """The settings that a network is fitted with. Their order is part of the name of a checkpoint."""

    optimizer: str = setting(click.Choice([*OPTIMIZERS]))
    epochs: int = setting(click.IntRange(1))
    batch_size: int = setting(click.IntRange(1))
    learning_rate: float | None = setting(click.FloatRange(0, min_open=True), default=None, source="the optimizer's")
    augmented: bool = False  # each batch is augmented anew; the learning rate rises to its value and falls to 0
    held_out: int = setting(click.IntRange(0), "Training images kept for calibration.", default=0)
    # More than 1 keeps the uploads, letterforms and scenes from outweighing MNIST's images.
    repeats: int = setting(click.IntRange(1), "Times that each of MNIST's images is in an epoch.", default=1)
    uploads: int = setting(
        click.IntRange(0, HELD_OUT), "Uploads of each condition to fit to, made of the images.", default=0
    )
    hands: int = setting(click.IntRange(0), "Letterforms to fit to, in hands that MNIST lacks.", default=0)
    scenes: int = setting(click.IntRange(0, 50_000), "Images to fit to as the finder finds them in scenes.", default=0)
    numbers: int = setting(click.IntRange(0), "Scenes of several digits, to fit to the digits found there.", default=0)
    # The eleventh answer is that an image shows no digit.
    outliers: int = setting(click.IntRange(0, 1000), "Images without a digit in each batch.", default=0)
    rho: float = setting(
        click.FloatRange(0, 1),
        "Radius rho of sharpness-aware minimization (SAM); 0: without SAM, in less time.",
        default=0.0,
    )


@dataclass(frozen=True, kw_only=True)
class FinderSettings:
    """The settings that a finder is fitted with. Their order is part of the name of a checkpoint."""

    scenes: int = setting(click.IntRange(1), "Scenes to fit to.", default=160_000)
    epochs: int = setting(click.IntRange(1), "Passes over the scenes.", default=3)
    batch_size: int = setting(click.IntRange(2), default=64)
    # The learning rate rises to this value, and falls to 0 along a cosine.
    learning_rate: float = setting(click.FloatRange(0, min_open=True), "The highest learning rate.", default=0.004)
    warm_up: float = 0.03  # the part of all steps in which the learning rate rises
    weight_decay: float = 0.01
    hands: float = setting(
        click.FloatRange(0, 1), "Part of the digits that are letterforms, in hands that MNIST lacks; 0: none.",
        default=0.4,
    )  # fmt: skip
    width: float = setting(click.FloatRange(0.2, 8), "Factor of the network's channels.", default=1.0)
