"""Prescribing through the pages: warnings and reasons, what is at hand, cancelling, the paper, the deceased."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import StaleVersion
from app.core.unit_of_work import unit_of_work
from app.domain.audit.models import AccessEntry, AuditEntry
from app.domain.patients.models import Patient
from app.domain.prescriptions.errors import NotInForce
from app.domain.prescriptions.interactions import InteractionDetails, check_interaction
from app.domain.prescriptions.issued import cancel_prescription
from app.domain.prescriptions.models import (
    IngredientInteraction,
    MealTiming,
    Medicine,
    OrderSet,
    OrderSetItem,
    Prescription,
    PrescriptionFavourite,
    PrescriptionItem,
    PrescriptionOverride,
    PrescriptionStatus,
)
from app.domain.records.models import MedicalRecord, RecordStatus
from app.tenancy.binding import bind_hospital
from tests.integration.hospital.pages import fields_of
from tests.integration.hospital.prescribing import act, allergic_to, medicine, prescribe, signed, write
from tests.support.queries import count_queries

DESK = "/h/alpha/hospital"


def test_an_allergy_is_warned_of_and_signing_waits_for_a_reason(bound, alpha, consultation) -> None:
    begun = consultation()
    allergic_to(bound, begun, "Penicillin")
    write(begun)
    prescribe(bound, begun, "AMOX500")
    page = begun.doctor.get(begun.url).get_data(as_text=True)
    assert "Penicillin" in page
    assert 'name="override_key"' in page
    refused = act(begun, "/sign")
    assert refused.status_code == 422
    assert 'href="#override_reason"' in refused.get_data(as_text=True)
    with bound(alpha):
        assert db.session.get_one(MedicalRecord, begun.record_id).status is RecordStatus.DRAFT
    assert act(begun, "/warnings/override", override_reason="").status_code == 422
    answered = act(begun, "/warnings/override", override_reason="Đã dung nạp amoxicilin năm 2024")
    assert answered.status_code == 303
    assert act(begun, "/sign").status_code == 303
    with bound(alpha):
        override = db.session.scalars(sa.select(PrescriptionOverride)).one()
        noted = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "prescription.override")).one()
        assert override.reason == "Đã dung nạp amoxicilin năm 2024"
        assert noted.changes["overrides"] == [str(override.id)]
        assert "dung nạp" not in str(noted.changes)
        prescription_id = override.prescription_id
    shown = begun.doctor.get(f"{DESK}/prescriptions/{prescription_id}").get_data(as_text=True)
    assert "Đã dung nạp amoxicilin năm 2024" in shown
    with bound(alpha), pytest.raises(sa.exc.DBAPIError):
        db.session.execute(sa.delete(PrescriptionOverride))


def test_interactions_and_duplicates_are_found_and_an_answer_goes_when_its_medicine_goes(
    bound, alpha, consultation
) -> None:
    begun = consultation()
    details = InteractionDetails("Clarithromycin", "Atorvastatin", "nghiêm trọng", "Tiêu cơ vân", "", "Bảng thử")
    with bound(alpha):
        db.session.add(IngredientInteraction(**check_interaction(details)))
    write(begun)
    for code in ("ATOR20", "CLARI500", "PARA500", "TRAMPARA"):
        prescribe(bound, begun, code)
    page = begun.doctor.get(begun.url).get_data(as_text=True)
    assert "Tiêu cơ vân" in page
    assert "Bảng thử" in page
    assert page.count('name="override_key"') == 2
    keys = page.split('name="override_key"')[1:]
    chosen = [one.split('value="', 1)[1].split('"', 1)[0] for one in keys]
    form = fields_of(begun.doctor.get(begun.url), override_reason="Theo dõi CK")
    assert begun.doctor.post(f"{begun.url}/warnings/override", data={**form, "override_key": chosen}).status_code == 303
    with bound(alpha):
        item = db.session.scalars(
            sa.select(PrescriptionItem.id).where(PrescriptionItem.medicine_name == "Clarithromycin")
        )
        item_id = item.one()
    assert act(begun, f"/medicines/{item_id}/remove").status_code == 303
    assert act(begun, "/sign").status_code == 303
    with bound(alpha):
        kinds = db.session.scalars(sa.select(PrescriptionOverride.kind)).all()
    assert [kind.value for kind in kinds] == ["duplicate"]


def test_nothing_is_prescribed_for_somebody_who_has_died(bound, alpha, consultation) -> None:
    begun = consultation()
    medicine_id = medicine(bound, "PARA500")
    prescribe(bound, begun, "IBU400")
    with bound(alpha):
        db.session.get_one(Patient, begun.patient_id).deceased_on = date.today()
    item = {"medicine_id": medicine_id, "dose_amount": "1", "times_per_day": "2", "days": "5"}
    refused = act(begun, "/medicines", **item)
    assert refused.status_code in (409, 422)
    write(begun)
    assert act(begun, "/sign").status_code in (409, 422)
    with bound(alpha):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(PrescriptionItem)) == 1
        assert db.session.get_one(MedicalRecord, begun.record_id).status is RecordStatus.DRAFT


def test_favourites_order_sets_and_former_prescriptions_are_put_on_by_one_button(bound, alpha, consultation) -> None:
    begun = consultation()
    prescription_id = signed(bound, begun)
    assert begun.doctor.submit(f"{begun.url}/amend", {"reason": "Thêm thuốc"}, page=begun.url).status_code == 303
    with bound(alpha):
        draft = db.session.scalars(sa.select(MedicalRecord.id).where(MedicalRecord.status == RecordStatus.DRAFT)).one()
        item_id = db.session.scalars(sa.select(PrescriptionItem.id).join(Prescription).where(
            Prescription.record_id == draft)).one()  # fmt: skip
        order_set = OrderSet(name="Viêm họng cấp", note="Người lớn")
        db.session.add(order_set)
        db.session.flush()
        set_id = order_set.id
        for position, code in enumerate(("PARA500", "AMBRO30")):
            db.session.add(OrderSetItem(
                order_set_id=set_id, position=position, dose_amount=1, times_per_day=3, days=5,
                medicine_id=db.session.scalars(sa.select(Medicine.id).where(Medicine.code == code)).one(),
                meal_timing=MealTiming.AFTER))  # fmt: skip
    url = f"{DESK}/consultations/{draft}"
    assert act(begun, f"/medicines/{item_id}/favourite", url).status_code == 303
    with bound(alpha):
        favourite_id = db.session.scalars(sa.select(PrescriptionFavourite.id)).one()
    assert act(begun, f"/medicines/{item_id}/remove", url).status_code == 303
    assert act(begun, f"/favourites/{favourite_id}", url).status_code == 303
    response = act(begun, f"/order-sets/{set_id}", url)
    assert response.status_code == 303
    page = begun.doctor.get(url).get_data(as_text=True)
    assert "Paracetamol 500 mg" in page  # left out, and said so
    assert act(begun, f"/renewals/{prescription_id}", url).status_code == 303
    with bound(alpha):
        items = db.session.scalars(sa.select(PrescriptionItem.medicine_name).join(Prescription).where(
            Prescription.record_id == draft).order_by(PrescriptionItem.position)).all()  # fmt: skip
    assert items == ["Paracetamol", "Ambroxol"]


def test_a_former_prescription_of_another_patient_or_anothers_favourite_is_not_to_be_had(
    bound, alpha, consultation
) -> None:
    first = consultation()
    prescription_id = signed(bound, first)
    second = consultation()
    assert act(second, f"/renewals/{prescription_id}").status_code == 404
    with bound(alpha):
        favourite = PrescriptionFavourite(
            doctor_id=first.doctor.person["id"], dose_amount=1, times_per_day=1, days=1,
            medicine_id=db.session.scalars(sa.select(Medicine.id).limit(1)).one(), meal_timing=MealTiming.ANY,
        )  # fmt: skip
        db.session.add(favourite)
        db.session.flush()
        favourite_id = favourite.id
    assert act(second, f"/favourites/{favourite_id}").status_code == 404


def test_only_the_prescriber_cancels_once_and_with_a_reason(bound, alpha, consultation, sign_in_staff) -> None:
    begun = consultation()
    url = f"{DESK}/prescriptions/{signed(bound, begun)}"
    version = fields_of(begun.doctor.get(url))["version"]
    assert begun.doctor.submit(f"{url}/cancel", {"version": version, "reason": " "}, page=url).status_code == 422
    assert begun.doctor.submit(f"{url}/cancel", {"version": "0", "reason": "Nhầm"}, page=url).status_code == 409
    code = {"version": version, "national_code": "01820ab12cd3-C"}
    assert begun.doctor.submit(f"{url}/national-code", {**code, "national_code": "123"}, page=url).status_code == 422
    assert begun.doctor.submit(f"{url}/national-code", code, page=url).status_code == 303
    version = fields_of(begun.doctor.get(url))["version"]
    colleague = sign_in_staff(alpha, "doctor")
    assert (
        colleague.submit(f"{url}/cancel", {"version": version, "reason": "Nhầm"}, page=f"{DESK}/favourites").status_code
        == 403
    )
    assert begun.doctor.submit(f"{url}/cancel", {"version": version, "reason": "Nhầm"}, page=url).status_code == 303
    with bound(alpha):
        prescription = db.session.scalars(sa.select(Prescription)).one()
        assert (prescription.status, prescription.cancel_reason) == (PrescriptionStatus.CANCELLED, "Nhầm")
        assert prescription.national_code == "01820ab12cd3-C"
        record = db.session.get_one(MedicalRecord, begun.record_id)
        assert record.status is RecordStatus.SIGNED
    assert "Nhầm" in begun.doctor.get(url).get_data(as_text=True)


def test_a_signed_prescription_is_frozen_in_the_database_but_for_its_code(bound, alpha, consultation) -> None:
    begun = consultation()
    signed(bound, begun)
    with bound(alpha):
        db.session.execute(sa.update(Prescription).values(national_code="01820ab12cd3-C"))
    for values in ({"national_code": "99999ab12cd3-C"}, {"national_code": None}, {"note": "thêm"}):
        with bound(alpha), pytest.raises(sa.exc.DBAPIError):
            db.session.execute(sa.update(Prescription).values(**values))


def test_two_windows_that_cancel_at_once_cancel_once(bound, alpha, consultation, app) -> None:
    begun = consultation()
    prescription_id = UUID(signed(bound, begun))
    with bound(alpha):
        version = db.session.get_one(Prescription, prescription_id).version
    actor = Actor(ActorKind.STAFF, begun.doctor.person["id"], "Bác sĩ")
    together = Barrier(2)

    def cancel(_window: int) -> bool:
        with app.app_context(), bind_hospital(alpha):
            together.wait(60)
            try:
                with unit_of_work():
                    cancel_prescription(actor, prescription_id, version, "Nhầm")
            except (StaleVersion, NotInForce):
                return False
            return True

    with ThreadPoolExecutor(2) as windows:
        assert sorted(windows.map(cancel, range(2))) == [False, True]


def test_the_paper_is_a_pdf_of_a_signed_prescription_and_printing_is_written_down(bound, alpha, consultation) -> None:
    begun = consultation()
    url = f"{DESK}/prescriptions/{signed(bound, begun)}"
    for language in ("vi", "both"):
        response = begun.doctor.get(f"{url}/paper?language={language}")
        assert (response.status_code, response.mimetype) == (200, "application/pdf")
        assert response.data.startswith(b"%PDF-")
        assert response.headers["Cache-Control"] == "no-store"
    assert begun.doctor.get(f"{url}/paper?language=xx").status_code == 404
    with bound(alpha):
        printed = sa.select(sa.func.count()).select_from(AccessEntry).where(AccessEntry.action == "prescription.print")
        assert db.session.scalar(printed) == 2


def test_a_draft_has_no_page_and_no_paper(bound, alpha, consultation) -> None:
    begun = consultation()
    prescribe(bound, begun, "PARA500")
    with bound(alpha):
        prescription_id = db.session.scalars(sa.select(Prescription.id)).one()
    assert begun.doctor.get(f"{DESK}/prescriptions/{prescription_id}").status_code == 404
    assert begun.doctor.get(f"{DESK}/prescriptions/{prescription_id}/paper").status_code == 404


def test_a_prescription_of_many_medicines_costs_no_more_queries(bound, alpha, consultation) -> None:
    begun = consultation()
    prescribe(bound, begun, "PARA500")
    prescribe(bound, begun, "AMLO5")
    with count_queries() as few:
        begun.doctor.get(begun.url)
    for code in ("ATOR20", "METF500", "OMEP20"):
        prescribe(bound, begun, code)
    with count_queries() as many:
        begun.doctor.get(begun.url)
    assert len(many) == len(few)
