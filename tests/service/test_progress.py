"""How far a run is."""

import re

import pytest

from service.batch import progress
from service.batch.progress import Progress
from service.errors import NoDigit


def test_progress_adds_up_and_is_told_in_a_sentence() -> None:
    answered = Progress.of(["7", NoDigit("No."), "1"])
    assert answered == Progress(3, 1, 0)
    assert answered.describe() == "3 images answered, 1 of them by an error."
    assert Progress(1).describe() == "1 image answered, 0 of them by an error."
    total = answered.plus(Progress(earlier=5000)).plus(Progress(1000))
    assert total.describe() == "1,003 images answered, 1 of them by an error, 5,000 answered earlier."


def test_logs_have_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with progress.showing(None, 32) as tally:
        tally.report(Progress(32, 2))
        assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "LOG_SECONDS", 0)
    with progress.showing(None, 32) as tally:
        tally.report(Progress(32, 2))
        tally.report(Progress(32))
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"[\d,]+ a second", "N a second", line) for line in lines] == [
        "32 images answered, 2 of them by an error. N a second.",
        "64 images answered, 2 of them by an error. N a second.",
    ]
    assert tally.sum == Progress(64, 2)
