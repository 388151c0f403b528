"""Pages of long lists."""

from __future__ import annotations

import pytest

from app.tenancy.paging import Page, page_number


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (25, 1), (26, 2), (300, 12)])
def test_a_list_has_as_many_pages_as_it_needs(total: int, pages: int) -> None:
    assert Page([], page=1, per_page=25, total=total).pages == pages


@pytest.mark.parametrize(
    ("text", "number"),
    [(None, 1), ("", 1), ("3", 3), ("0", 1), ("-2", 1), ("x", 1), ("²", 1), ("99999", 10_000), ("9" * 40, 1)],
)
def test_anything_but_a_number_is_the_first_page(text: str | None, number: int) -> None:
    assert page_number(text) == number
