"""Checking patients in at the desk."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.core.db import db
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.audit.models import OutboxEvent

TODAY = "/h/alpha/hospital/today"


def _status(bound, alpha, visit):
    with bound(alpha):
        return db.session.get(Appointment, visit.id).status


def test_a_booked_patient_is_checked_in_once_however_often_it_is_pressed(bound, alpha, sign_in_staff, visit) -> None:
    booked = visit(AppointmentStatus.BOOKED)
    desk = sign_in_staff(alpha, "receptionist")
    for _press in range(2):
        response = desk.submit(
            f"/h/alpha/hospital/visits/{booked.id}/check-in", {"version": booked.version}, page=TODAY
        )
        assert response.status_code == 303
    assert _status(bound, alpha, booked) is AppointmentStatus.ARRIVED
    with bound(alpha):
        kinds = db.session.scalars(sa.select(OutboxEvent.kind).where(OutboxEvent.subject_id == booked.id)).all()
    assert kinds == ["appointment.check_in"]


def test_a_cancelled_visit_is_not_checked_in(bound, alpha, sign_in_staff, visit) -> None:
    cancelled = visit(AppointmentStatus.CANCELLED)
    desk = sign_in_staff(alpha, "receptionist")
    response = desk.submit(f"/h/alpha/hospital/visits/{cancelled.id}/check-in", {"version": 1}, page=TODAY)
    assert response.status_code == 409
    assert _status(bound, alpha, cancelled) is AppointmentStatus.CANCELLED


def test_a_visit_that_was_changed_meanwhile_is_a_conflict(bound, alpha, sign_in_staff, visit) -> None:
    booked = visit(AppointmentStatus.BOOKED)
    with bound(alpha):
        db.session.get(Appointment, booked.id).reason = "Đau bụng"
    desk = sign_in_staff(alpha, "receptionist")
    response = desk.submit(f"/h/alpha/hospital/visits/{booked.id}/check-in", {"version": booked.version}, page=TODAY)
    assert response.status_code == 409
    assert _status(bound, alpha, booked) is AppointmentStatus.BOOKED


@pytest.mark.parametrize("role", ["doctor", "nurse", "administrator"])
def test_only_the_desk_checks_in(alpha, sign_in_staff, visit, role) -> None:
    booked = visit(AppointmentStatus.BOOKED)
    other = sign_in_staff(alpha, role)
    response = other.submit(f"/h/alpha/hospital/visits/{booked.id}/check-in", {"version": booked.version}, page=TODAY)
    assert response.status_code == 403


def test_the_desk_cancels_with_a_reason_and_not_without(bound, alpha, sign_in_staff, visit) -> None:
    booked = visit(AppointmentStatus.BOOKED)
    desk = sign_in_staff(alpha, "receptionist")
    page, url = f"/h/alpha/hospital/visits/{booked.id}", f"/h/alpha/hospital/visits/{booked.id}/cancel"
    assert desk.submit(url, {"version": booked.version, "reason": " "}, page=page).status_code == 422
    assert desk.submit(url, {"version": booked.version, "reason": "Bận việc"}, page=page).status_code == 303
    assert _status(bound, alpha, booked) is AppointmentStatus.CANCELLED


def test_a_visit_that_is_still_to_come_is_not_marked_as_missed(alpha, sign_in_staff, visit) -> None:
    booked = visit(AppointmentStatus.BOOKED)
    desk = sign_in_staff(alpha, "receptionist")
    page = f"/h/alpha/hospital/visits/{booked.id}"
    assert desk.submit(f"{page}/no-show", {"version": booked.version}, page=page).status_code == 409
