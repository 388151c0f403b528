"""What tests of prescribing do through the pages: put a medicine on, write what signing needs, sign."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.appointments.models import AppointmentStatus
from app.domain.patients.models import AllergyState, Patient, PatientAllergy
from app.domain.prescriptions.models import Medicine, Prescription
from tests import factories
from tests.integration.hospital.pages import fields_of


def medicine(bound, code):
    with bound("alpha"):
        return str(db.session.scalars(sa.select(Medicine.id).where(Medicine.code == code)).one())


def allergic_to(bound, begun, substance, reaction=None) -> None:
    with bound("alpha"):
        db.session.get_one(Patient, begun.patient_id).allergy_state = AllergyState.KNOWN
        db.session.add(PatientAllergy(patient_id=begun.patient_id, substance=substance, reaction=reaction))


def act(begun, path="", url=None, **changes):
    url = url or begun.url
    return begun.doctor.post(url + path, data=fields_of(begun.doctor.get(url), **changes))


def prescribe(bound, begun, code, days="5", url=None):
    item = {"medicine_id": medicine(bound, code), "dose_amount": "1", "times_per_day": "2", "days": days}
    response = act(begun, "/medicines", url, **item)
    assert response.status_code == 303, response.get_data(as_text=True)


def write(begun, url=None) -> None:
    assert act(begun, url=url, assessment="Viêm họng", plan="Nghỉ").status_code == 303
    if "J02.9" not in begun.doctor.get(url or begun.url).get_data(as_text=True):
        assert act(begun, "/diagnoses", url, code="J02.9").status_code == 303


def signed(bound, begun, *codes, days="5") -> str:
    """Prescribe (paracetamol, unless something else is named), sign, and return the prescription's id."""
    write(begun)
    for code in codes or ("PARA500",):
        prescribe(bound, begun, code, days)
    assert act(begun, "/sign").status_code == 303
    with bound("alpha"):
        query = sa.select(Prescription.id).where(Prescription.record_id == begun.record_id)
        return str(db.session.scalars(query).one())


def amended(bound, begun) -> str:
    """Begin an amendment and return the address of its page."""
    made = begun.doctor.submit(f"{begun.url}/amend", {"reason": "Sửa đơn"}, page=begun.url)
    assert made.status_code == 303
    return str(made.headers["Location"])


def cancelled(begun, prescription_id, reason="Kê nhầm thuốc") -> None:
    """Cancel a signed prescription through its page."""
    page = f"/h/alpha/hospital/prescriptions/{prescription_id}"
    version = fields_of(begun.doctor.get(page))["version"]
    answered = begun.doctor.submit(f"{page}/cancel", {"version": version, "reason": reason}, page=page)
    assert answered.status_code == 303


def comes_again(bound, begun) -> SimpleNamespace:
    """Begin another consultation of the same patient with the same doctor."""
    with bound("alpha"):
        made = factories.make_appointment(
            doctor_id=begun.doctor.person["id"], patient_id=begun.patient_id, status=AppointmentStatus.ARRIVED,
            starts_at=clock.now() + timedelta(hours=3), arrived_at=clock.now() - timedelta(minutes=5),
        )  # fmt: skip
        visit_id = made.id
    page = "/h/alpha/hospital/today"
    response = begun.doctor.submit(f"/h/alpha/hospital/visits/{visit_id}/consultation", page=page)
    assert response.status_code == 303
    url = response.headers["Location"]
    return SimpleNamespace(doctor=begun.doctor, patient_id=begun.patient_id, url=url, record_id=url.rsplit("/", 1)[1])
