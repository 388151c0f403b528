"""Pages of PDFs as pictures, so that nothing of a PDF that somebody sent is ever opened by a browser of ours.

Typst draws them, in a process of its own with bounds to its time and memory: a PDF made to harm ends that process, and
the reader is told that the page cannot be shown.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

SCRIPT = Path(__file__).parent / "drawing.py"
MOST_SECONDS = 60
MOST_PAGES = 500


class CannotDraw(Exception):
    """The PDF has no such page, is damaged or encrypted, or took too long."""


def draw_page(pdf: Iterable[bytes], page: int) -> bytes:
    """Return a page, counted from 1, as PNG; raises CannotDraw."""
    return _run(pdf, "page", page)


def count_pages(pdf: Iterable[bytes]) -> int:
    """Return how many pages a PDF has, as far as they are counted; raises CannotDraw."""
    return int(_run(pdf, "count", MOST_PAGES))


def _run(pdf: Iterable[bytes], what: str, number: int) -> bytes:
    with tempfile.TemporaryDirectory(prefix="vien-pdf-") as folder:
        with (Path(folder) / "in.pdf").open("wb") as target:
            target.writelines(pdf)
        command = [sys.executable, "-I", str(SCRIPT), folder, what, str(number)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=MOST_SECONDS, check=True)  # noqa: S603 # nosec B603
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            raise CannotDraw from None
    return done.stdout
