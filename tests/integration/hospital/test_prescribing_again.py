"""What was prescribed before: renewed, amended, cancelled meanwhile; nothing comes back unseen or unchecked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.unit_of_work import unit_of_work
from app.domain.prescriptions.errors import NotInForce
from app.domain.prescriptions.interactions import InteractionDetails, check_interaction
from app.domain.prescriptions.issued import cancel_prescription, set_national_code
from app.domain.prescriptions.models import (
    IngredientInteraction,
    Prescription,
    PrescriptionOverride,
)
from app.domain.prescriptions.operations import replace_prescription
from app.domain.prescriptions.queries import list_items
from app.domain.prescriptions.reviewing import check_can_prescribe, review_prescription
from app.domain.records.models import MedicalRecord, RecordStatus
from app.hospital import record_reading
from app.tenancy.binding import bind_hospital
from tests.integration.hospital.prescribing import (
    act,
    allergic_to,
    amended,
    cancelled,
    comes_again,
    prescribe,
    signed,
    write,
)

DESK = "/h/alpha/hospital"
WHY = "Kê nhầm thuốc"


def items_of(bound, record_id) -> dict[str, UUID]:
    with bound("alpha"):
        return {row.medicine_name: row.id for row in list_items(record_id)}


def test_what_is_taken_off_a_renewed_prescription_is_still_taken_and_checked(bound, alpha, consultation) -> None:
    begun = consultation()
    details = InteractionDetails("Aspirin", "Ibuprofen", "major", "Chảy máu tiêu hoá", "", "Bảng thử")
    with bound(alpha):
        db.session.add(IngredientInteraction(**check_interaction(details)))
    former = signed(bound, begun, "PARA500", "ASA81")
    again = comes_again(bound, begun)
    assert act(again, f"/renewals/{former}").status_code == 303
    assert "twice" not in again.doctor.get(again.url).get_data(as_text=True)
    gone = items_of(bound, again.record_id)["Acid acetylsalicylic"]
    assert act(again, f"/medicines/{gone}/remove").status_code == 303
    prescribe(bound, again, "IBU400")
    with bound(alpha):
        review = review_prescription(again.record_id, again.patient_id, list_items(again.record_id))
    assert [(one.kind.value, one.needs_reason) for one in review.warnings] == [("interaction", True)]
    write(again)
    assert act(again, "/sign").status_code == 422


def test_the_printed_record_says_that_its_prescription_was_cancelled(bound, consultation, monkeypatch) -> None:
    begun, said = consultation(), []
    cancelled(begun, signed(bound, begun))
    monkeypatch.setattr(record_reading, "pdf", lambda _name, facts: said.extend(facts["sections"]) or b"%PDF-")
    assert begun.doctor.get(f"{begun.url}/print").status_code == 200
    lines = next(part["lines"] for part in said if any("Paracetamol" in line for line in part["lines"]))
    assert WHY in lines[0]


def test_an_amendment_copies_nothing_of_a_cancelled_prescription_and_says_so(bound, alpha, consultation) -> None:
    begun = consultation()
    cancelled(begun, signed(bound, begun))
    assert WHY in begun.doctor.get(begun.url).get_data(as_text=True)
    url = amended(bound, begun)
    assert WHY in begun.doctor.get(f"{begun.url}/compare?with=2").get_data(as_text=True)
    assert items_of(bound, url.rsplit("/", 1)[1]) == {}
    assert WHY in begun.doctor.get(url).get_data(as_text=True)


def test_a_draft_begun_before_the_cancelling_does_not_sign_what_it_copied_silently(bound, alpha, consultation) -> None:
    begun = consultation()
    prescription_id = signed(bound, begun)
    url = amended(bound, begun)
    cancelled(begun, prescription_id)
    assert WHY in begun.doctor.get(url).get_data(as_text=True)
    assert act(begun, "/sign", url).status_code == 422
    record_id = url.rsplit("/", 1)[1]
    with bound(alpha):
        assert db.session.get_one(MedicalRecord, record_id).status is RecordStatus.DRAFT
    item_id = items_of(bound, record_id)["Paracetamol"]
    assert act(begun, f"/medicines/{item_id}/remove", url).status_code == 303
    prescribe(bound, begun, "PARA500", url=url)
    assert act(begun, "/sign", url).status_code == 303, "what is put on anew is the doctor's own"


def test_a_cancelled_prescription_is_not_renewed_and_the_page_keeps_what_was_typed(bound, consultation) -> None:
    begun = consultation()
    former = signed(bound, begun)
    again = comes_again(bound, begun)
    cancelled(begun, former)
    refused = act(again, f"/renewals/{former}", plan="Nghỉ ngơi tại nhà")
    assert refused.status_code == 422
    assert "Nghỉ ngơi tại nhà" in refused.get_data(as_text=True)
    assert items_of(bound, again.record_id) == {}


def test_what_an_amendment_copies_is_taken_since_it_was_first_signed(bound, alpha, consultation) -> None:
    begun = consultation()
    first_id = signed(bound, begun, days="1")
    with bound(alpha):
        began = db.session.get_one(Prescription, first_id).signed_at
    url = amended(bound, begun)
    with clock.frozen_at(began + timedelta(minutes=5)):
        assert act(begun, "/sign", url).status_code == 303
        again = comes_again(bound, begun)
        prescribe(bound, again, "PARA500")
    with bound(alpha):
        second = db.session.scalars(
            sa.select(Prescription).where(Prescription.record_id == url.rsplit("/", 1)[1])
        ).one()
        assert second.signed_at == began + timedelta(minutes=5)
        items, last = list_items(again.record_id), began + timedelta(days=1)
        for moment, warned in ((last - timedelta(minutes=1), 1), (last + timedelta(minutes=1), 0)):
            with clock.frozen_at(moment):
                assert len(review_prescription(again.record_id, again.patient_id, items).warnings) == warned
        second_id, code = second.id, second.code
    first = begun.doctor.get(f"{DESK}/prescriptions/{first_id}").get_data(as_text=True)
    assert f"{DESK}/prescriptions/{second_id}" in first
    assert code in first


def test_an_allergy_that_could_not_be_compared_is_listed_and_asks_for_a_reason(bound, alpha, consultation) -> None:
    begun = consultation()
    allergic_to(bound, begun, "Zyxacol")
    write(begun)
    prescribe(bound, begun, "PARA500")
    page = begun.doctor.get(begun.url).get_data(as_text=True)
    assert page.count('name="override_key"') == 1
    assert act(begun, "/sign").status_code == 422
    assert act(begun, "/warnings/override", override_reason="Thuốc lạ, đã hỏi người nhà").status_code == 303
    assert act(begun, "/sign").status_code == 303
    with bound(alpha):
        assert db.session.scalars(sa.select(PrescriptionOverride.kind)).one().value == "uncompared"


def test_a_reaction_that_names_the_substance_is_compared(bound, alpha, consultation) -> None:
    begun = consultation()
    allergic_to(bound, begun, "Kháng sinh", "penicillin")
    write(begun)
    prescribe(bound, begun, "AMOX500")
    assert act(begun, "/sign").status_code == 422
    with bound(alpha):
        review = review_prescription(begun.record_id, begun.patient_id, list_items(begun.record_id))
    assert [one.kind.value for one in review.warnings] == ["allergy"]


def test_two_prescriptions_that_get_one_national_code_at_once_are_told_so(
    bound, alpha, consultation, app, platform
) -> None:
    ids, actors, versions = [], [], []
    for begun in (consultation(), consultation()):
        ids.append(UUID(signed(bound, begun)))
        actors.append(Actor(ActorKind.STAFF, begun.doctor.person["id"], "Bác sĩ"))
        with bound(alpha):
            versions.append(db.session.get_one(Prescription, ids[-1]).version)

    def keep(which: int) -> None:
        set_national_code(actors[which], ids[which], versions[which], "01820ab12cd3-C")

    def second() -> None:
        with app.app_context(), bind_hospital(alpha), unit_of_work():
            keep(1)

    with ThreadPoolExecutor(1) as window:
        with app.app_context(), bind_hospital(alpha), unit_of_work():
            keep(0)
            other = window.submit(second)
            wait_until_one_waits(platform, alpha, "UPDATE prescriptions%")
        with pytest.raises(InvalidValue) as told:
            other.result(60)
    assert told.value.field == "national_code"
    with bound(alpha):
        coded = sa.select(Prescription.id).where(Prescription.national_code.is_not(None))
        assert db.session.scalars(coded).all() == [ids[0]]


def test_nobody_cancels_a_prescription_while_its_amendment_is_signed(bound, alpha, consultation, app, platform) -> None:
    begun = consultation()
    former = UUID(signed(bound, begun))
    draft = UUID(amended(bound, begun).rsplit("/", 1)[1])
    actor = Actor(ActorKind.STAFF, begun.doctor.person["id"], "Bác sĩ")
    with bound(alpha):
        version = db.session.get_one(Prescription, former).version

    def cancel() -> None:
        with app.app_context(), bind_hospital(alpha), unit_of_work():
            cancel_prescription(actor, former, version, WHY)

    with ThreadPoolExecutor(1) as window:
        with app.app_context(), bind_hospital(alpha), unit_of_work():
            check_can_prescribe(draft, begun.patient_id)
            other = window.submit(cancel)
            wait_until_one_waits(platform, alpha, "SELECT %FOR UPDATE%")
            replace_prescription(actor, UUID(begun.record_id))
        with pytest.raises((StaleVersion, NotInForce)):
            other.result(60)


def wait_until_one_waits(platform, hospital, query) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        " AND query LIKE %s"
    )
    end = monotonic() + 60
    with platform.admin(hospital) as connection:
        while not connection.execute(waiting, (query,)).fetchone()[0]:
            assert monotonic() < end
            sleep(0.02)
