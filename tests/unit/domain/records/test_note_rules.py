"""When two edits of a note contradict each other."""

from __future__ import annotations

import pytest

from app.domain.records.rules import Note, differing, was_seen

WAS = Note(complaint="Ho", plan="Nghỉ")


@pytest.mark.parametrize(
    ("stored", "mine", "seen"),
    [
        (WAS, WAS, True),
        (WAS, Note(complaint="Ho", plan="Uống nước"), True),
        (Note(complaint="Ho", plan="Uống nước"), Note(complaint="Ho", plan="Uống nước"), True),
        (Note(complaint="Ho", plan="Của người khác"), Note(complaint="Ho", plan="Của tôi"), False),
        (Note(complaint="Của người khác", plan="Nghỉ"), Note(complaint="Ho", plan="Của tôi"), False),
        (Note(complaint="Của người khác", plan="Nghỉ"), WAS, False),
    ],
)
def test_a_text_that_the_page_neither_began_with_nor_holds_came_from_elsewhere(stored, mine, seen) -> None:
    assert was_seen(stored, WAS, mine) is seen


def test_line_ends_and_outer_blanks_make_no_difference() -> None:
    typed = Note(complaint=" Ho\r\nkhan ").normalised()
    assert differing(typed, Note(complaint="Ho\nkhan")) == []
