"""The contact sheet of uploads, and the command that draws it."""

from pathlib import Path

import numpy as np
from PIL import Image

from service.settings import DEFAULT_MODELS
from tests.support.training import run_in_process
from training.data.datasets import Dataset
from training.synthetic.conditions import CONDITIONS, draw_uploads
from training.synthetic.contact_sheet import draw_contact_sheet


def test_the_command_prints_a_table_and_draws_a_sheet(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    output = run_in_process("uploads", "--images", 1, "--sheet", sheet).output
    assert all(f"| {condition:27} |" in output for condition in (*CONDITIONS, "mean"))
    with Image.open(sheet) as image:
        assert image.height > image.width > 200
        assert len(np.unique(np.asarray(image))) > 100


def test_each_condition_has_a_row_of_three_images_for_each_upload(mnist: Dataset, tmp_path: Path) -> None:
    uploads = list(draw_uploads(mnist.test[:50], 2, seed=0))[:8]
    path = tmp_path / "sheet.png"
    draw_contact_sheet(uploads, DEFAULT_MODELS, path)
    with Image.open(path) as image:
        assert image.width / image.height == 6 / 4
