"""A patient's own prescriptions: only signed ones, only one's own, with the paper."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.ids import new_id
from app.domain.patients.models import PatientRelation, RelationKind
from app.domain.prescriptions.models import Medicine, Prescription, PrescriptionItem, PrescriptionStatus
from app.domain.records.models import MedicalRecord
from app.web import prescription_paper
from tests import factories
from tests.support.queries import count_queries

PORTAL = "/h/alpha/patient"


def make_prescription(bound, patient_id, *, signed: bool) -> str:
    with bound("alpha"):
        doctor = factories.make_staff("doctor")
        starts_at = clock.now() + timedelta(hours=1 if signed else 5)
        visit = factories.make_appointment(doctor_id=doctor.id, patient_id=patient_id, starts_at=starts_at)
        record = MedicalRecord(patient_id=patient_id, appointment_id=visit.id, doctor_id=doctor.id, series_id=new_id())
        db.session.add(record)
        db.session.flush()
        prescription = Prescription(record_id=record.id, patient_id=patient_id, doctor_id=doctor.id)
        db.session.add(prescription)
        db.session.flush()
        medicine = db.session.scalars(sa.select(Medicine).where(Medicine.code == "PARA500")).one()
        db.session.add(
            PrescriptionItem(
                prescription_id=prescription.id, medicine_id=medicine.id, medicine_name=medicine.name,
                strength=medicine.strength, unit=medicine.unit, route=medicine.route, dose_amount=1, times_per_day=2,
                days=5, quantity=10,
            )
        )  # fmt: skip
        db.session.flush()
        if signed:
            prescription.status, prescription.signed_at = PrescriptionStatus.SIGNED, clock.now()
        return str(prescription.id)


def test_a_patient_reads_signed_prescriptions_and_fetches_their_paper(bound, alpha, sign_in_patient) -> None:
    browser = sign_in_patient(alpha)
    mine = make_prescription(bound, browser.person["patient_id"], signed=True)
    draft = make_prescription(bound, browser.person["patient_id"], signed=False)
    with count_queries() as seen:
        page = browser.get(f"{PORTAL}/prescriptions").get_data(as_text=True)
    assert "Paracetamol 500 mg" in page
    assert draft not in page
    assert len(seen) <= 6
    assert "2" in browser.get(f"{PORTAL}/prescriptions/{mine}").get_data(as_text=True)
    for language in ("vi", "both"):
        paper = browser.get(f"{PORTAL}/prescriptions/{mine}/paper?language={language}")
        assert (paper.mimetype, paper.data[:5]) == ("application/pdf", b"%PDF-")
    assert browser.get(f"{PORTAL}/prescriptions/{draft}").status_code == 404


def test_another_patients_prescription_is_not_there(bound, alpha, sign_in_patient) -> None:
    browser = sign_in_patient(alpha)
    with bound(alpha):
        other = factories.make_patient().id
    theirs = make_prescription(bound, other, signed=True)
    for path in ("", "/paper"):
        assert browser.get(f"{PORTAL}/prescriptions/{theirs}{path}").status_code == 404


def test_a_small_childs_paper_names_who_is_written_down_by_name(bound, alpha, sign_in_patient, monkeypatch) -> None:
    browser = sign_in_patient(alpha, born_on=clock.now().date() - timedelta(days=900))
    patient_id, said = browser.person["patient_id"], {}
    mine = make_prescription(bound, patient_id, signed=True)
    with bound(alpha):
        father = factories.make_patient().id
        db.session.add(PatientRelation(patient_id=patient_id, kind=RelationKind.FATHER, related_id=father))
        db.session.flush()
        db.session.add(PatientRelation(patient_id=patient_id, kind=RelationKind.MOTHER, full_name="Lê Thị Mẹ"))
    monkeypatch.setattr(prescription_paper, "pdf", lambda _name, facts: said.update(facts["patient"]) or b"%PDF-")
    assert browser.get(f"{PORTAL}/prescriptions/{mine}/paper").status_code == 200
    assert (said["guardian"], said["weight"]) == ("Lê Thị Mẹ", "chưa cân")
