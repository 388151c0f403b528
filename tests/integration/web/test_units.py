"""A request's work is kept whole or not at all, and a request that reads writes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.domain.audit.models import AuditEntry, OutboxEvent
from app.domain.patients.models import Patient
from tests.factories import make_patient
from tests.support.platform import Platform

PROBE = "/h/alpha/hospital/probe"


def kept(bound: Any) -> tuple[int, int, int]:
    """Return how many patients, audit rows and events the hospital has."""
    with bound("alpha"):
        return tuple(  # type: ignore[return-value]
            db.session.scalar(sa.select(sa.func.count()).select_from(model))
            for model in (Patient, AuditEntry, OutboxEvent)
        )


@pytest.mark.parametrize("outcome", ["200", "201", "303"])
def test_what_succeeded_is_kept_with_its_audit_row_and_its_event(
    probe: Flask, bound: Any, alpha: str, outcome: str
) -> None:
    assert probe.test_client().post(f"{PROBE}/write/{outcome}").status_code == int(outcome)
    assert kept(bound) == (1, 1, 1)


@pytest.mark.parametrize("outcome", ["400", "409", "422", "500", "503"])
def test_a_view_that_answers_with_an_error_leaves_nothing(probe: Flask, bound: Any, alpha: str, outcome: str) -> None:
    assert probe.test_client().post(f"{PROBE}/write/{outcome}").status_code == int(outcome)
    assert kept(bound) == (0, 0, 0)


@pytest.mark.parametrize("outcome", ["raise", "at-commit", "across", "across-by-statement"])
def test_a_view_that_fails_leaves_nothing(probe: Flask, bound: Any, alpha: str, outcome: str) -> None:
    assert probe.test_client().post(f"{PROBE}/write/{outcome}").status_code == 500
    assert kept(bound) == (0, 0, 0)


def test_a_backend_that_dies_in_the_middle_leaves_nothing_and_the_next_request_works(
    probe: Flask, bound: Any, alpha: str
) -> None:
    browser = probe.test_client()
    with bound(alpha):
        make_patient()
    response = browser.post(f"{PROBE}/write/terminated")
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert kept(bound) == (1, 0, 0)
    assert browser.post(f"{PROBE}/write/200").status_code == 200
    assert kept(bound) == (2, 1, 1)


@pytest.mark.parametrize("way", ["object", "changed", "statement"])
def test_a_request_that_reads_cannot_write(probe: Flask, bound: Any, alpha: str, way: str) -> None:
    with bound(alpha):
        make_patient(full_name="Như Cũ")
    assert probe.test_client().get(f"{PROBE}/read/{way}").status_code == 500
    with bound(alpha):
        assert list(db.session.scalars(sa.select(Patient.full_name))) == ["Như Cũ"]


def test_what_a_reading_request_changed_by_mistake_is_refused_at_its_end(probe: Flask, bound: Any, alpha: str) -> None:
    with bound(alpha):
        make_patient(full_name="Như Cũ")
    assert probe.test_client().get(f"{PROBE}/read/leftover").status_code == 500
    with bound(alpha):
        assert list(db.session.scalars(sa.select(Patient.full_name))) == ["Như Cũ"]


def test_after_a_failure_the_same_worker_serves_the_next_request(probe: Flask, bound: Any, alpha: str) -> None:
    browser = probe.test_client()
    for outcome in ("raise", "at-commit", "across", "422"):
        browser.post(f"{PROBE}/write/{outcome}")
        assert browser.get(f"{PROBE}/count").get_data(as_text=True) == "0"


def test_a_statement_that_takes_too_long_is_given_up_with_a_page(
    probe: Flask, platform: Platform, bound: Any, alpha: str
) -> None:
    with bound(alpha):
        make_patient()
    browser = probe.test_client()
    assert browser.get(f"{PROBE}/slow").status_code == 503
    assert browser.get(f"{PROBE}/count").get_data(as_text=True) == "1"
