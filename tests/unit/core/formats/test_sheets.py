"""Tables as spreadsheets write them: whatever the encoding and separator, the same rows are read."""

from __future__ import annotations

import codecs

import pytest

from app.core.errors import InvalidValue
from app.core.formats.sheets import LONGEST_CELL, Row, detect, read_rows

TEXT = (
    'Họ và tên;Ngày sinh;Địa chỉ\r\n"Nguyễn Văn Ánh";15/03/1984;"12; Lê Lợi"\r\n'
    ';;\r\nTrần Thị Đào;1990-01-02;"hai\r\ndòng"\r\n'
)


def read(content: bytes, piece: int = 7) -> list[Row]:
    layout = detect(content)
    return list(read_rows([content[at : at + piece] for at in range(0, len(content), piece)], layout))


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_the_same_rows_are_read_whatever_the_encoding(mark: bytes, encoding: str) -> None:
    content = mark + TEXT.encode(encoding)
    assert detect(content).header == ("Họ và tên", "Ngày sinh", "Địa chỉ")
    assert read(content) == [
        Row(2, ("Nguyễn Văn Ánh", "15/03/1984", "12; Lê Lợi")),
        Row(4, ("Trần Thị Đào", "1990-01-02", "hai\r\ndòng")),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_what_the_header_has_most_of_outside_quotes(separator: str) -> None:
    header = separator.join(("a", '"b, c; d | e"', "f", "g"))
    assert detect(header.encode()).separator == separator
    assert len(detect(header.encode()).header) == 4


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf \n", b"PK\x03\x04zip", b"H\xe4u,b\n", b"\x00" * 50])
def test_what_is_no_table_of_text_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidValue):
        detect(content)


def test_a_row_that_cannot_be_read_says_so_and_the_others_are_read() -> None:
    rows = read(b"a,b\n1,2\nH\xe4u,3\n" + b"x" * (LONGEST_CELL + 1) + b",4\n5,6\n")
    assert [row.number for row in rows] == [2, 3, 4, 5]
    assert [bool(row.fault) for row in rows] == [False, True, True, False]


def test_what_keeps_a_spreadsheet_from_calculating_is_taken_off_again() -> None:
    assert read(b"a,b\n'+84912345678,'quoted\n")[0].cells == ("+84912345678", "'quoted")
