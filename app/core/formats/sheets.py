"""Tables that people send: CSV in the encodings and with the separators that spreadsheets write, read row by row.

Told by what the file begins with: a byte order mark, zero bytes of UTF-16, or else UTF-8. Of separators the one that
the header has most of, outside quotes. Nothing is held but the present row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.core.errors import InvalidValue
from app.core.formats.tables import DANGEROUS
from app.core.i18n import _l

SEPARATORS = (",", ";", "\t", "|")
SAMPLE = 64 * 1024
LONGEST_CELL = 10_000
MOST_COLUMNS = 200
UNREADABLE = "\ufffd"
ENCODINGS = {"utf-8-sig": "UTF-8 (BOM)", "utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written, and what its first row says."""

    encoding: str
    separator: str
    header: tuple[str, ...]

    @property
    def encoding_name(self) -> str:
        return ENCODINGS[self.encoding]


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its number as a spreadsheet shows it: the header is row 1. `fault` where it cannot be read."""

    number: int
    cells: tuple[str, ...]
    fault: str | None = None


def detect(beginning: bytes) -> Layout:
    """Tell how a file is written by its beginning; raises InvalidValue where it is not a table of text."""
    encoding = _encoding_of(beginning)
    text = beginning.decode(encoding, errors="replace").removeprefix("\ufeff")
    if not text.strip():
        raise InvalidValue(_l("The file is empty."), field="file")
    if "\0" in text or beginning[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise InvalidValue(_l("This is not a CSV file. In Excel, save it as “CSV UTF-8”."), field="file")
    first = text.split("\n", 1)[0]
    if UNREADABLE in first:
        raise InvalidValue(
            _l("The letters of this file cannot be read. In Excel, save it as “CSV UTF-8”."), field="file"
        )
    separator = max(SEPARATORS, key=lambda one: _outside_quotes(first).count(one))
    header = next(csv.reader([first.rstrip("\r")], delimiter=separator), [])
    if len(header) > MOST_COLUMNS:
        raise InvalidValue(_l("The file has more than %(most)s columns.", most=MOST_COLUMNS), field="file")
    return Layout(encoding, separator, tuple(cell.strip() for cell in header))


def read_rows(pieces: Iterable[bytes], layout: Layout) -> Iterator[Row]:
    """Return the rows behind the header; empty ones are left out, but counted."""
    csv.field_size_limit(LONGEST_CELL * 10)
    with io.TextIOWrapper(
        io.BufferedReader(_Pieces(pieces)), encoding=layout.encoding, errors="replace", newline=""
    ) as text:
        reader = csv.reader(_without_mark(text), delimiter=layout.separator)
        number = 0
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield Row(number, (), str(_l("This row cannot be read: a quotation mark is not closed.")))
                return
            if number > 1 and any(cell.strip() for cell in cells):
                yield Row(number, tuple(_clean(cell) for cell in cells), _fault_of(cells))


def _encoding_of(beginning: bytes) -> str:
    if beginning.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if beginning[0] == 0xFF else "utf-16-be"
    even, odd = beginning[0:400:2].count(0), beginning[1:400:2].count(0)
    if max(even, odd) > len(beginning[:400]) // 8 and min(even, odd) * 4 < max(even, odd):
        return "utf-16-be" if even > odd else "utf-16-le"
    return "utf-8"


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if number == 0 else line


def _clean(cell: str) -> str:
    """Return a cell without what keeps spreadsheets from calculating it."""
    text = cell.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(DANGEROUS) else text


def _fault_of(cells: list[str]) -> str | None:
    if any(UNREADABLE in cell or "\0" in cell for cell in cells):
        return str(_l("This row has letters that cannot be read. Save the file as “CSV UTF-8”."))
    if any(len(cell) > LONGEST_CELL for cell in cells):
        return str(_l("A cell of this row is longer than %(most)s letters.", most=LONGEST_CELL))
    return None


class _Pieces(io.RawIOBase):
    """Pieces of bytes as something that can be read from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)
