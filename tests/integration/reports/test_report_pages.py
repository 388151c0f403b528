"""The reports as an administrator reads them: with as of when they are, plots, table and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from app.core.formats.tables import BYTE_ORDER_MARK
from tests.support.queries import count_queries

Count = Callable[[str], None]
PAGE = "/h/alpha/hospital/reports"
MARCH = "since=01/03/2026&until=31/03/2026"
SUBJECTS = ("waiting", "departments", "doctors", "diagnoses", "patients")


def test_before_anything_was_counted_the_page_says_so(alpha: str, sign_in_staff: Any) -> None:
    page = sign_in_staff(alpha, "administrator").get(PAGE)
    assert page.status_code == 200
    assert "Chưa có số liệu" in page.text


def test_the_visits_of_a_period_are_shown_with_when_they_were_counted(
    alpha: str, days: dict[str, UUID], count: Count, sign_in_staff: Any
) -> None:
    count(alpha)
    page = sign_in_staff(alpha, "administrator").get(f"{PAGE}?{MARCH}").text
    assert "Số liệu tính đến" in page
    assert 'id="plot-outcomes"' in page
    assert "02/03/2026" in page
    assert "20 %" in page  # one of five who had not called off did not come


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_report_has_a_plot_and_a_table(
    alpha: str, days: dict[str, UUID], count: Count, sign_in_staff: Any, subject: str
) -> None:
    count(alpha)
    page = sign_in_staff(alpha, "administrator").get(f"{PAGE}/{subject}?{MARCH}")
    assert page.status_code == 200
    assert '<figure class="plot"' in page.text
    assert "<table" in page.text


def test_the_table_comes_as_csv_of_the_same_period_and_department(
    alpha: str, days: dict[str, UUID], count: Count, sign_in_staff: Any
) -> None:
    count(alpha)
    answer = sign_in_staff(alpha, "administrator").get(f"{PAGE}/doctors/table.csv?{MARCH}&department={days['NHI']}")
    assert answer.mimetype == "text/csv"
    assert "alpha-doctors-2026-03-01-2026-03-31.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix(BYTE_ORDER_MARK))))
    assert [(row["name"], row["visits"], row["average_wait_minutes"]) for row in rows] == [("Bác sĩ Hai", "1", "20.0")]


def test_a_report_takes_the_same_queries_for_a_day_and_for_a_year(
    alpha: str,
    days: dict[str, UUID],
    count: Count,
    sign_in_staff: Any,
) -> None:
    count(alpha)
    browser = sign_in_staff(alpha, "administrator")
    browser.get(PAGE)
    with count_queries() as of_a_month:
        browser.get(f"{PAGE}?{MARCH}")
    with count_queries() as of_years:
        browser.get(f"{PAGE}?since=01/01/2024&until=31/12/2026")
    assert len(of_a_month) == len(of_years) <= 6


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ("since=31/02/2026&until=31/03/2026", "since"),
        ("since=01/04/2026&until=31/03/2026", "until"),
        ("since=01/01/2010&until=31/12/2026", "until"),
    ],
)
def test_a_period_that_cannot_be_is_said_at_its_field(alpha: str, sign_in_staff: Any, asked: str, fault: str) -> None:
    page = sign_in_staff(alpha, "administrator").get(f"{PAGE}?{asked}")
    assert page.status_code == 422
    assert f'href="#{fault}"' in page.text
    assert asked.split("&", maxsplit=1)[0].removeprefix("since=") in page.text


def test_an_unknown_department_is_not_there_and_others_see_no_figures(alpha: str, sign_in_staff: Any) -> None:
    unknown = sign_in_staff(alpha, "administrator").get(f"{PAGE}?department={UUID(int=1)}")
    assert unknown.status_code == 404
    assert sign_in_staff(alpha, "doctor").get(PAGE).status_code == 403


def test_asking_for_new_figures_leads_back_to_the_page(alpha: str, sign_in_staff: Any) -> None:
    browser = sign_in_staff(alpha, "administrator")
    answer = browser.submit(f"{PAGE}/refresh", page=PAGE)
    assert answer.status_code == 303
