"""Where the project and its first test image are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SUPPORT = Path(__file__).parent
SEVEN = ROOT / "tests" / "seven.png"  # the first of the test images
