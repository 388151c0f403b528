"""Draws one page of a PDF, or counts its pages, and ends: run by `pdf_pages` as a process of its own."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import typst

SECONDS, BYTES = 30, 2 * 1024**3
WIDTH = "180mm"


def main(folder: str, what: str, number: int) -> None:
    """Write what was asked for to the standard output; any error ends the process."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    if what == "page":
        sys.stdout.buffer.write(_draw(folder, number, WIDTH, fonts))
    else:
        sys.stdout.write(str(_count(folder, number, fonts)))


def _count(folder: str, most: int, fonts: typst.Fonts) -> int:
    """Find the last page by doubling and halving: drawn at the size of a point, a page is there or is not."""
    _draw(folder, 1, "1pt", fonts)
    there, beyond = 1, 2
    while beyond <= most and _is_there(folder, beyond, fonts):
        there, beyond = beyond, beyond * 2
    beyond = min(beyond, most + 1)
    while beyond - there > 1:
        middle = (there + beyond) // 2
        there, beyond = (middle, beyond) if _is_there(folder, middle, fonts) else (there, middle)
    return there


def _is_there(folder: str, page: int, fonts: typst.Fonts) -> bool:
    try:
        _draw(folder, page, "1pt", fonts)
    except typst.TypstError as error:
        if "does not exist" in str(error):
            return False
        raise
    return True


def _draw(folder: str, page: int, width: str, fonts: typst.Fonts) -> bytes:
    main_file = Path(folder) / "main.typ"
    main_file.write_text(
        f'#set page(width: auto, height: auto, margin: 0pt)\n#image("in.pdf", page: {page}, width: {width})',
        encoding="utf-8",
    )
    drawn = typst.compile(str(main_file), root=folder, font_paths=fonts, format="png", ppi=150.0)
    return drawn if isinstance(drawn, bytes) else drawn[0]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
