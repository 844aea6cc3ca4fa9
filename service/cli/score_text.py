"""The report of an evaluation as text."""

from collections.abc import Sequence

from service.batch.names import printable
from service.cli.labels import describe_left_out
from service.cli.scores import Confusion, Report, Score, describe_unopened

MAX_CONFUSIONS = 10


def format_report(report: Report) -> str:
    """Return a report as a table of scores, a list of confusions and notes."""
    parts = [_list_scores(report.scores), _list_confusions(report.confusions), list_notes(report)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def list_notes(report: Report) -> list[str]:
    """Return sentences on the calibration, and on the files that are not scored."""
    return [_describe_calibration(report), *describe_left_out(report.left_out), *describe_unopened(report.unopened)]


def _list_scores(scores: Sequence[tuple[str, Score]]) -> list[str]:
    width = max(len(group) for group in ("folder", *(group for group, _ in scores)))
    header = f"{'folder':{width}}  images    right  uncertain  refused  wrong though sure"
    return [header, *(f"{printable(group):{width}}  {_format_score(score)}" for group, score in scores)]


def _format_score(score: Score) -> str:
    uncertain = score.uncertain / score.images
    return f"{score.images:6}  {score.accuracy:7.2%}  {uncertain:9.2%}  {score.refused:7}  {score.wrong_though_sure:17}"


def _list_confusions(confusions: Sequence[Confusion]) -> list[str]:
    if not confusions:
        return []
    lines = [f"{pair.label:5} -> {pair.answer:6}  {pair.count:5}" for pair in confusions[:MAX_CONFUSIONS]]
    rest = len(confusions) - MAX_CONFUSIONS
    return ["label -> answer  count", *lines, *([f"and {rest} other pair{'s' * (rest > 1)}"] if rest > 0 else [])]


def _describe_calibration(report: Report) -> str:
    if report.calibration is None:
        return "No image was answered."
    model = f" of {report.model.name}, version {report.model.version}" if report.model else ""
    numbers = report.calibration
    return (
        f"Answers{model}: {numbers.answers}, with a mean confidence of {numbers.mean_confidence:.2%}, an accuracy of "
        f"{numbers.accuracy:.2%} and an expected calibration error of {numbers.expected_calibration_error:.2%}."
    )
