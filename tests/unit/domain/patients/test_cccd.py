from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidValue
from app.core.formats.provinces import provinces_of_birth
from app.domain.patients.cccd import (
    Cccd,
    CccdContradictsBirthDate,
    CccdContradictsSex,
    InvalidCccd,
    compose_cccd,
    parse_cccd,
    parse_cccd_qr,
)
from app.domain.patients.models import Sex

QR = "079184000123|024567890|Nguyễn Thị Bích|15031984|Nữ|12 Lê Lợi, Quận 1, TP. Hồ Chí Minh|01052021"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("079184000123", Cccd("079184000123", "079", Sex.FEMALE, 1984)),
        ("001 099 012 345", Cccd("001099012345", "001", Sex.MALE, 1999)),
        ("048.203.000001", Cccd("048203000001", "048", Sex.MALE, 2003)),
        ("096310999999", Cccd("096310999999", "096", Sex.FEMALE, 2010)),
        ("123090000001", Cccd("123090000001", "123", Sex.MALE, 1990)),
    ],
)
def test_the_digits_say_province_sex_and_year(typed: str, expected: Cccd) -> None:
    assert parse_cccd(typed) == expected


def test_a_merged_province_stays_valid_and_a_country_has_no_province() -> None:
    assert parse_cccd("074090000001").province_name == "Bình Dương"
    assert parse_cccd("123090000001").province_name is None


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "12 digits"),
        ("07918400012", "12 digits"),
        ("0791840001234", "12 digits"),
        ("07918400012A", "12 digits"),
        ("٠٧٩١٨٤٠٠٠١٢٣", "12 digits"),
        ("003184000123", "code 003"),
        ("000184000123", "code 000"),
        ("079484000123", "fourth digit"),
    ],
)
def test_what_is_no_identity_number_is_refused(typed: str, words: str) -> None:
    with pytest.raises(InvalidCccd, match=words):
        parse_cccd(typed)


def test_a_number_that_contradicts_the_sex_is_refused() -> None:
    with pytest.raises(CccdContradictsSex, match="a woman's"):
        parse_cccd("079184000123", sex="male")
    with pytest.raises(CccdContradictsSex, match="a man's"):
        parse_cccd("079084000123", sex=Sex.FEMALE)


@pytest.mark.parametrize("sex", [None, "female", Sex.FEMALE, Sex.OTHER])
def test_a_sex_that_the_digit_does_not_know_is_not_held_against_the_number(sex: str | None) -> None:
    assert parse_cccd("079184000123", sex=sex).sex is Sex.FEMALE


def test_a_number_that_contradicts_the_year_of_birth_is_refused() -> None:
    with pytest.raises(CccdContradictsBirthDate, match="born in 1984, not on 15/03/1985"):
        parse_cccd("079184000123", birth_date=date(1985, 3, 15))
    assert parse_cccd("079184000123", birth_date=date(1984, 12, 31)).birth_year == 1984


def test_the_qr_code_of_a_card_fills_the_form() -> None:
    scanned = parse_cccd_qr(QR + "\r\n")
    assert scanned.cccd.number == "079184000123"
    assert scanned.old_number == "024567890"
    assert scanned.full_name == "Nguyễn Thị Bích"
    assert scanned.birth_date == date(1984, 3, 15)
    assert scanned.sex is Sex.FEMALE
    assert scanned.address == "12 Lê Lợi, Quận 1, TP. Hồ Chí Minh"
    assert scanned.issued_on == date(2021, 5, 1)


def test_a_card_without_old_number_and_with_further_fields_is_read() -> None:
    scanned = parse_cccd_qr("001203000001||TRẦN VĂN AN|01012003|Nam||||Trần Văn Bình|Lê Thị Cúc")
    assert (scanned.old_number, scanned.address, scanned.issued_on) == (None, None, None)
    assert scanned.sex is Sex.MALE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.vn/menu",
        QR.replace("Nữ", "Nam"),
        QR.replace("Nữ", "?"),
        QR.replace("1984|", "1985|"),
        QR.replace("15031984", "31021984"),
        QR.replace("Nguyễn Thị Bích", " "),
        "|||||||",
    ],
)
def test_a_qr_code_that_is_no_card_or_contradicts_itself_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_cccd_qr(text)


@given(
    st.sampled_from(sorted(provinces_of_birth())),
    st.sampled_from([Sex.MALE, Sex.FEMALE]),
    st.integers(1900, 2099),
    st.integers(0, 999_999),
)
def test_a_composed_number_says_what_it_was_composed_of(province: str, sex: Sex, year: int, serial: int) -> None:
    cccd = parse_cccd(compose_cccd(province, sex, year, serial), sex=sex, birth_date=date(year, 6, 1))
    assert (cccd.province_code, cccd.sex, cccd.birth_year) == (province, sex, year)
    assert cccd.number.endswith(f"{serial:06d}")
