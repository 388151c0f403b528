"""Documents on paper: Typst templates of ours, filled with facts, as PDF.

A template is app/templates/documents/<name>.typ and reads its facts by `#let facts = json("facts.json")`. Facts reach
it as a file of data and never as source, so that nothing that somebody typed is ever a command. There is no other file
than the templates, no package, and no font but those that Typst carries (Libertinus Serif has Vietnamese).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import segno
import typst
from flask import Response

FOLDER = Path(__file__).parent.parent / "templates" / "documents"
FACTS = "facts.json"
MAIN = "main.typ"


def pdf(template: str, facts: dict[str, Any]) -> bytes:
    """Return a document as PDF: the template's name without its ending, and what `json.dumps` can write.

    Texts that depend on the language are facts. Numbers and dates come as they are to be read.
    """
    sources = _sources()
    if f"{template}.typ" not in sources:
        raise LookupError(f"there is no document {template!r}")
    files = {**sources, MAIN: sources[f"{template}.typ"], FACTS: json.dumps(facts, default=str).encode()}
    compiled: bytes = typst.compile(files, font_paths=_fonts(), sys_inputs={}, pdf_standards=["1.7"])
    return compiled


def pdf_response(content: bytes, name: str) -> Response:
    """Answer with a PDF that the browser shows; `name` is what it is saved as, of our making."""
    response = Response(content, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name)}"
    return response


def qr_svg(text: str) -> str:
    """Return a QR code as SVG for a document: `#image(bytes(facts.qr), format: "svg", alt: …)`."""
    code: str = segno.make(text, error="m", micro=False).svg_inline(scale=4, border=2)
    return code


@cache
def _sources() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in FOLDER.glob("*.typ")}


@cache
def _fonts() -> Any:
    """Return the fonts that Typst carries, and no others: a document looks alike on every machine."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
