"""Barcodes that hand scanners read, as SVG."""

from __future__ import annotations

import io

from barcode import Code128
from barcode.writer import SVGWriter


def code128_svg(text: str) -> str:
    """Return a Code 128 barcode without its words as SVG; printable ASCII only."""
    written = io.BytesIO()
    options = {"write_text": False, "module_width": 0.25, "module_height": 8.0, "quiet_zone": 2.5}
    Code128(text, writer=SVGWriter()).write(written, options)
    return written.getvalue().decode("utf-8")
