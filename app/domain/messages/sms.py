"""Text messages as networks count them: letters, encoding, segments (3GPP TS 23.038 and 23.040). Pure arithmetic."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€\f")  # each takes two places
GSM_7, UCS_2 = "GSM-7", "UCS-2"
ROOM = {GSM_7: (160, 153), UCS_2: (70, 67)}  # alone, and as a part of several
MOST_SEGMENTS = 4

_PLAIN = str.maketrans(
    {"đ": "d", "Đ": "D", "₫": "d", "–": "-", "—": "-", "…": "...", "“": '"', "”": '"', "‘": "'", "’": "'", "•": "-"}
    | {"\u00a0": " ", "\u202f": " "}
)


@dataclass(frozen=True, slots=True)
class Count:
    """How long a text message is; `length` in places of its encoding."""

    encoding: str
    length: int
    segments: int

    @property
    def room(self) -> int:
        """How many places the segments have altogether."""
        alone, each = ROOM[self.encoding]
        return alone if self.segments <= 1 else each * self.segments


def without_diacritics(text: str) -> str:
    """Return a text in letters that every telephone and the short encoding know: `Nhắc lịch` is `Nhac lich`."""
    decomposed = unicodedata.normalize("NFD", text.translate(_PLAIN))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def count_sms(text: str) -> Count:
    """Return how a text is encoded and in how many segments it is sent, of which each is paid for."""
    if all(letter in BASIC or letter in EXTENDED for letter in text):
        return _count(GSM_7, [2 if letter in EXTENDED else 1 for letter in text])
    return _count(UCS_2, [2 if ord(letter) > 0xFFFF else 1 for letter in text])


def _count(encoding: str, places: list[int]) -> Count:
    """Count segments; what takes two places is never torn apart."""
    length = sum(places)
    alone, each = ROOM[encoding]
    if length <= alone:
        return Count(encoding, length, 1)
    segments, used = 1, 0
    for wanted in places:
        if used + wanted > each:
            segments, used = segments + 1, 0
        used += wanted
    return Count(encoding, length, segments)
