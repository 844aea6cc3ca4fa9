"""Runs benchmarks, and writes their tables into the pages: python -m tests.benchmarks.write_tables start_time

A page has the command of a benchmark in a comment before its tables, and `<!-- end of tables -->` behind them.
"""

import re
import shlex
import subprocess
import sys

import click

from tests.support.paths import ROOT

FOLDERS = ("tests", "service", "service/server", "deploy", "training")
TABLES = re.compile(r"(<!-- (python [^\n]*) -->\n).*?(<!-- end of tables -->)", re.DOTALL)


@click.command()
@click.argument("words", nargs=-1, required=True)
def main(words: tuple[str, ...]) -> None:
    """Run the benchmarks that have one of WORDS in their command, and write their tables."""
    for page in (ROOT / folder / "README.md" for folder in FOLDERS):
        text = page.read_text()
        for match in TABLES.finditer(text):
            if any(word in match[2] for word in words):
                text = text.replace(match[0], f"{match[1]}\n{run(match[2])}\n{match[3]}")
                page.write_text(text)


def run(command: str) -> str:
    """Run a command, and return what it prints."""
    click.echo(command, err=True)
    _, *arguments = shlex.split(command)
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
