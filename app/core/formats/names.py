"""People's names as they are written in Vietnam: one full name, family name first, sorted by the last."""

from __future__ import annotations

import re
import unicodedata

# Zero-width characters and soft hyphens come along with copied and scanned text and are never part of a name.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")

# Letters and marks without a canonical decomposition, as the rules file of PostgreSQL's unaccent maps them.
_UNDECOMPOSED = str.maketrans(
    {
        "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ɖ": "d", "Ɖ": "D", "ƀ": "b", "Ƀ": "B",
        "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ß": "ss", "ẞ": "SS",
        "þ": "th", "Þ": "TH", "ł": "l", "Ł": "L", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T",
        "ŋ": "n", "Ŋ": "N", "ı": "i", "ſ": "s", "ĸ": "q", "ŉ": "'n",
        "ĳ": "ij", "Ĳ": "IJ", "ŀ": "l", "Ŀ": "L",
        "‘": "'", "’": "'", "‛": "'", "′": "'", "“": '"', "”": '"',
        "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-",
    }
)  # fmt: skip

_ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_RANK = {letter: chr(ord("A") + place) for place, letter in enumerate(_ALPHABET)}
# Level tone has no mark and comes first; then huyền, hỏi, ngã, sắc, nặng.
_TONES = {"\u0300": "1", "\u0309": "2", "\u0303": "3", "\u0301": "4", "\u0323": "5"}
_SHAPES = frozenset("\u0302\u0306\u031b")  # the marks of â ê ô, ă, ơ ư belong to the letter


def normalise_name(text: str) -> str:
    """Return a name without invisible characters, composed (NFC), with single spaces."""
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).split())


def search_key(text: str) -> str:
    """Return the unaccented lower-case form under which a name is found; đ and d are the same.

    For normalised text it equals the SQL function `vien_search_key` on all Latin letters up to U+017F, all
    Vietnamese letters in either composition, and typographic quotes and hyphens.
    """
    decomposed = unicodedata.normalize("NFD", normalise_name(text).translate(_UNDECOMPOSED))
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark)).lower()


def given_name(full_name: str) -> str:
    """Return the last word of a full name, by which a person is called."""
    words = full_name.split()
    return words[-1] if words else ""


def sort_key(full_name: str) -> str:
    """Return a string whose code-point order is that of Vietnamese lists of names.

    By given name, then by the other words from the left; word by word, letters before tones, in the order of
    the Vietnamese alphabet (a ă â b c d đ e ê …) and of its tones (ngang huyền hỏi ngã sắc nặng). In the
    database, compare it under COLLATE "C".
    """
    words = normalise_name(full_name).lower().split()
    return " ".join(_word_key(word) for word in words[-1:] + words[:-1])


def _word_key(word: str) -> str:
    letters: list[str] = []
    tones: list[str] = []
    for mark in unicodedata.normalize("NFD", word):
        if tone := _TONES.get(mark):
            tones.append(tone)
        elif mark in _SHAPES and letters:
            letters[-1] = unicodedata.normalize("NFC", letters[-1] + mark)
        elif not unicodedata.combining(mark):
            letters.append(mark)
    ranked = "".join(_RANK.get(letter, letter) for letter in letters)
    return f"{ranked}!{''.join(tones)}"
