"""The settings of fits, and the options that are made of them."""

from dataclasses import fields
from typing import Any

import click
import pytest
from click.testing import CliRunner

from training.finder.fit import FinderRecipe
from training.model.recipes import RECIPES
from training.settings import FinderSettings, FitSettings, add_options, pop_overrides


def run(settings: type, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run a command with the options of settings; return its exit code, the overrides and the output."""
    overrides = {}

    @click.command()
    @add_options(settings)
    @click.option("--seed", type=int, default=3)
    def command(**options: Any) -> None:
        overrides.update(pop_overrides(settings, options))
        assert options == {"seed": 3}

    result = CliRunner().invoke(command, arguments)
    return result.exit_code, overrides, result.output


@pytest.mark.parametrize("settings", [FitSettings, FinderSettings])
def test_without_options_nothing_is_overridden(settings: type) -> None:
    assert run(settings) == (0, {}, "")


def test_options_override_their_settings() -> None:
    _, overrides, _ = run(FitSettings, "--batch-size", "64", "--optimizer", "adam", "--rho", "0")
    assert overrides == {"batch_size": 64, "optimizer": "adam", "rho": 0.0}
    _, overrides, _ = run(FinderSettings, "--width", "0.5")
    assert overrides == {"width": 0.5}


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        (FitSettings, ("--epochs", "0")),
        (FitSettings, ("--learning-rate", "0")),
        (FitSettings, ("--uploads", "5001")),
        (FitSettings, ("--optimizer", "newton")),
        (FitSettings, ("--augmented", "1")),
        (FinderSettings, ("--batch-size", "1")),
        (FinderSettings, ("--width", "9")),
        (FinderSettings, ("--warm-up", "0.1")),
    ],
)
def test_values_out_of_range_and_settings_without_an_option_are_refused(
    settings: type, arguments: tuple[str, str]
) -> None:
    code, _, output = run(settings, *arguments)
    assert code == 2
    assert arguments[0] in output


@pytest.mark.parametrize("settings", [FitSettings, FinderSettings])
def test_each_option_names_its_default(settings: type) -> None:
    _, _, output = run(settings, "--help")
    for field in fields(settings):
        assert (f"--{field.name.replace('_', '-')} " in output) == bool(field.metadata)
    assert output.count("[default:") == sum(bool(field.metadata) for field in fields(settings))


def test_the_order_of_settings_stays_since_it_names_checkpoints() -> None:
    assert [field.name for field in fields(RECIPES["convnet"])] == [
        "optimizer", "epochs", "batch_size", "learning_rate", "augmented", "held_out", "repeats", "uploads", "hands",
        "scenes", "numbers", "outliers", "rho", "build",
    ]  # fmt: skip
    assert [field.name for field in fields(FinderRecipe)] == [
        "scenes", "epochs", "batch_size", "learning_rate", "warm_up", "weight_decay", "hands", "width",
    ]  # fmt: skip
