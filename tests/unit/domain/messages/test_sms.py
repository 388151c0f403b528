"""How text messages are counted, against the limits that networks publish."""

from __future__ import annotations

import pytest

from app.domain.messages.sms import GSM_7, UCS_2, count_sms, without_diacritics


@pytest.mark.parametrize(
    ("text", "encoding", "length", "segments"),
    [
        ("", GSM_7, 0, 1),
        ("a" * 160, GSM_7, 160, 1),
        ("a" * 161, GSM_7, 161, 2),
        ("a" * 306, GSM_7, 306, 2),
        ("a" * 307, GSM_7, 307, 3),
        ("€" * 80, GSM_7, 160, 1),
        ("€" * 81, GSM_7, 162, 2),
        ("a" * 152 + "€" + "a" * 152, GSM_7, 306, 3),  # the sign is not torn apart, which takes a place more
        ("à" * 160, GSM_7, 160, 1),
        ("ạ" * 70, UCS_2, 70, 1),
        ("ạ" * 71, UCS_2, 71, 2),
        ("ạ" * 134, UCS_2, 134, 2),
        ("ạ" * 135, UCS_2, 135, 3),
        ("😀" * 35, UCS_2, 70, 1),
        ("😀" * 36, UCS_2, 72, 2),
        ("ạ" * 66 + "😀" + "ạ" * 66, UCS_2, 134, 3),
    ],
)
def test_a_text_message_has_so_many_segments(text: str, encoding: str, length: int, segments: int) -> None:
    count = count_sms(text)
    assert (count.encoding, count.length, count.segments) == (encoding, length, segments)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Nhắc lịch khám: Quý khách Đặng Thị Ngọc Ánh", "Nhac lich kham: Quy khach Dang Thi Ngoc Anh"),
        ("ĐƯỜNG Lý Thường Kiệt – “số 5”…", 'DUONG Ly Thuong Kiet - "so 5"...'),
        ("Nguyê\u0303n", "Nguyen"),
    ],
)
def test_without_diacritics_everything_fits_the_short_encoding(text: str, plain: str) -> None:
    assert without_diacritics(text) == plain
    assert count_sms(plain).encoding == GSM_7
