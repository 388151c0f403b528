"""Which passwords are refused, and why; which are taken."""

from __future__ import annotations

from datetime import date

import pytest

from app.core.errors import InvalidValue
from app.domain.identity.account_words import day_forms, phone_forms
from app.domain.identity.breached import DATA, WIDTH, is_listed, is_pattern
from app.domain.identity.passwords import (
    LONGEST,
    NO_PASSWORD,
    check_new_password,
    hash_password,
    password_fits,
    words_in,
)


def refusal(password: str, shortest: int = 12, about: list[str] | None = None) -> str | None:
    try:
        check_new_password(password, shortest=shortest, about=about or [])
    except InvalidValue as error:
        return str(error.message)
    return None


@pytest.mark.parametrize(
    "password",
    [
        "trang-len-dinh-nui-xanh",
        "correct horse battery staple",
        "mưa rơi trên mái tôn cũ",
        "kR7#vQ2!mXz9",
        "ngựa ô ăn cỏ bên sông " * 3,
    ],
)
def test_long_ones_of_any_make_are_taken(password: str) -> None:
    assert refusal(password) is None


@pytest.mark.parametrize("length", [64, LONGEST])
def test_sixty_four_characters_and_more_are_taken(length: int) -> None:
    assert refusal(("một đêm trăng sáng vằng vặc ở bến sông quê ngoại " * 9)[:length]) is None


def test_hashes_are_argon2id_with_a_salt_of_their_own() -> None:
    one, two = hash_password("trang-len-dinh-nui-xanh"), hash_password("trang-len-dinh-nui-xanh")
    assert one.startswith("$argon2id$")
    assert one != two
    assert password_fits("trang-len-dinh-nui-xanh", one)
    assert not password_fits(NO_PASSWORD, NO_PASSWORD)


def test_length_counts_in_characters() -> None:
    assert "12" in (refusal("ngắn quá") or "")
    assert refusal("x" * (LONGEST + 1)) is not None
    assert refusal("đêm dài 7x", shortest=8) is None


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P@ssw0rd2024!",
        "iloveyou!!!!",
        "Matkhau12345",
        "MậtKhẩu@12345",
        "anhyeuem123456",
        "matkhaumatkhau",
        "qwertyuiop12",
        "Administrator1",
        "1qaz2wsx3edc4rfv",
        "sunshine2023!",
        "dragon.dragon",
    ],
)
def test_breached_ones_and_simple_changes_of_them_are_refused(password: str) -> None:
    assert refusal(password) is not None


@pytest.mark.parametrize(
    "password", ["aaaaaaaaaaaaaa", "abcabcabcabc", "123456789012", "abcdefghijklmnop", "zyxwvutsrqponm", "111111222222"]
)
def test_repetitions_and_rows_are_refused(password: str) -> None:
    assert is_pattern(password)
    assert refusal(password) is not None


@pytest.mark.parametrize(
    "password",
    [
        "benhvien-nhandan-115",
        "nguyen.van.an.1980",
        "0912345678-an",
        "17051980-nguyen",
        "001080012345abc",
        "BV.Nhan-Dan!!2024",
    ],
)
def test_what_others_know_is_refused(password: str) -> None:
    about = [
        *words_in("nhandan115", "Bệnh viện Nhân Dân 115", "Nguyễn Văn An", "an.nguyen", "001080012345"),
        *phone_forms("+84912345678"),
        *day_forms(date(1980, 5, 17)),
    ]
    assert refusal(password, about=about) is not None
    assert refusal("trang-len-dinh-nui-xanh", about=about) is None


def test_a_word_of_ones_own_among_others_is_taken() -> None:
    assert refusal("an-trang-len-dinh-nui", about=words_in("Nguyễn Văn An")) is None


def test_the_list_is_large_in_order_and_small_on_disk() -> None:
    entries = DATA.read_bytes()
    assert len(entries) // WIDTH > 50_000
    assert len(entries) < 1_000_000
    rows = [entries[at : at + WIDTH] for at in range(0, len(entries), WIDTH)]
    assert rows == sorted(set(rows))
    assert is_listed("123456")
    assert is_listed("matkhau")
    assert not is_listed("trang-len-dinh-nui-xanh")
