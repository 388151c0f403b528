"""Comparing versions: nothing is lost, and what went and came is told apart by the word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.records.comparing import Change, compare_lists, compare_texts

TEXT = st.text(alphabet="ab \nđ", max_size=60)


def side(pieces, left_out: Change) -> str:
    return "".join(piece.text for piece in pieces if piece.change is not left_out)


@given(TEXT, TEXT)
def test_both_versions_can_be_read_off_the_comparison(before: str, after: str) -> None:
    pieces, end = compare_texts(before, after), "\n" if before and after else ""
    assert side(pieces, Change.NEW) == before + end
    assert side(pieces, Change.GONE) == after + end


def test_only_the_words_that_differ_are_marked() -> None:
    pieces = compare_texts("Họng đỏ.\nPhổi trong.", "Họng đỏ.\nPhổi ran ẩm.")
    assert [(piece.change, piece.text) for piece in pieces] == [
        (Change.SAME, "Họng đỏ.\nPhổi "),
        (Change.GONE, "trong.\n"),
        (Change.NEW, "ran ẩm.\n"),
    ]


def test_a_line_that_others_now_follow_has_not_changed() -> None:
    assert compare_texts("Tim đều.", "Tim đều.\nBụng mềm.") == [
        (Change.SAME, "Tim đều.\n"),
        (Change.NEW, "Bụng mềm.\n"),
    ]


def test_a_very_long_text_is_compared_by_whole_blocks() -> None:
    before, after = "một " * 5_000, "hai " * 5_000
    assert [piece.change for piece in compare_texts(before, after)] == [Change.GONE, Change.NEW]


def test_lists_are_compared_whatever_their_order() -> None:
    lines = compare_lists(["I10", "J02"], ["J02", "E11"])
    assert lines == [(Change.SAME, "J02"), (Change.NEW, "E11"), (Change.GONE, "I10")]
