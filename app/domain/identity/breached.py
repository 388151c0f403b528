"""Passwords that many people have chosen or that were breached, and simple changes of them.

The list (app/core/data/breached_passwords.bin, made by scripts/make-breached-list) holds the first five bytes of
each entry's SHA-256 in order: a quarter of a megabyte, searched by halving. One in ten million other passwords is
refused by mistake. (NIST SP 800-63B, 5.1.1.2; ASVS 5.0, 6.2.4 and 6.2.12)
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "core" / "data" / "breached_passwords.bin"
WIDTH = 5
SHORTEST_ENTRY = 5
MOST_STRIPPED = 6
ADDED = "0123456789!@#$%^&*()-_=+.,? "  # what people put before or behind a word
LEET = str.maketrans("013457@$!|", "oleastasil")
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "01234567890", "1qaz2wsx3edc4rfv5tgb6yhn")
STEPS = frozenset(pair for row in ROWS for one, two in pairwise(row) for pair in (one + two, two + one))
FEWEST_DIFFERENT = 4


def digest_of(entry: str) -> bytes:
    """Return under what an entry stands in the list."""
    return hashlib.sha256(entry.encode()).digest()[:WIDTH]


def is_breached(password: str) -> bool:
    """Tell whether a password, or what it is a simple change of, is on the list."""
    return any(is_listed(form) for form in simple_forms(password))


def is_listed(entry: str) -> bool:
    """Tell whether a word stands in the list as it is."""
    listed, wanted = _list(), digest_of(entry)
    low, high = 0, len(listed) // WIDTH
    while low < high:
        middle = (low + high) // 2
        found = listed[middle * WIDTH : (middle + 1) * WIDTH]
        if found == wanted:
            return True
        low, high = (middle + 1, high) if found < wanted else (low, middle)
    return False


def is_pattern(password: str) -> bool:
    """Tell whether a password is only a few letters repeated, or a row of the keyboard, the alphabet or digits."""
    text = fold(password)
    if len(set(text)) < FEWEST_DIFFERENT or len(_unit(text)) < FEWEST_DIFFERENT:
        return True
    steps = sum(one == two or one + two in STEPS for one, two in pairwise(text))
    return steps >= 0.8 * (len(text) - 1)


def fold(text: str) -> str:
    """Return a text in small letters without accents."""
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).lower()


def simple_forms(password: str) -> Iterator[str]:
    """Give a password and what it is made of: without case, accents, blanks, added digits, and look-alikes."""
    seen: set[str] = set()
    folded = fold(password)
    for written in (folded, "".join(letter for letter in folded if letter.isalnum())):
        for plain in (written, written.translate(LEET)):
            for form in (plain, *_stripped(plain), _unit(plain)):
                if len(form) >= SHORTEST_ENTRY and form not in seen:
                    seen.add(form)
                    yield form
                    yield form.translate(LEET)


def _stripped(text: str) -> Iterator[str]:
    """Give a text without the few digits and signs that were put before or behind it."""
    ends, starts = text.rstrip(ADDED), text.lstrip(ADDED)
    for shorter in (ends, starts, ends[len(text) - len(starts) :]):
        if len(text) - len(shorter) <= MOST_STRIPPED:
            yield shorter
            yield _unit(shorter)


def _unit(text: str) -> str:
    """Return what a text repeats, or the text."""
    for length in range(1, len(text) // 2 + 1):
        if len(text) % length == 0 and text[:length] * (len(text) // length) == text:
            return text[:length]
    return text


@cache
def _list() -> bytes:
    return DATA.read_bytes()
