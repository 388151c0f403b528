"""Doses of pens, drops and creams, what is kept of them, and what the paper says of a small child."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.domain.patients.models import PatientRelation, RelationKind
from app.domain.prescriptions.models import OrderSetItem, PrescriptionFavourite
from app.domain.prescriptions.queries import list_items
from app.domain.records.models import VitalSigns
from app.web import prescription_paper
from tests.integration.hospital.pages import fields_of
from tests.integration.hospital.prescribing import act, comes_again, medicine, prescribe, signed, write

DESK = "/h/alpha/hospital"


def put_on(bound, begun, code, **item):
    typed = {"dose_amount": "10", "times_per_day": "1", "days": "30", **item}
    return act(begun, "/medicines", medicine_id=medicine(bound, code), **typed)


def only_item(bound, begun):
    with bound("alpha"):
        (row,) = list_items(begun.record_id)
        return row


def test_a_pen_is_dosed_in_units_and_counted_in_pens(bound, consultation) -> None:
    begun = consultation()
    assert put_on(bound, begun, "INSGLA").status_code == 303
    item = only_item(bound, begun)
    assert (item.quantity, item.unit, item.dose_unit) == (1, "bút", "đơn vị")
    page = begun.doctor.get(begun.url).get_data(as_text=True)
    assert "10 đơn vị" in page
    assert "01 bút" in page


def test_drops_ask_for_a_quantity_and_a_favourite_keeps_it_without_the_patients_instructions(
    bound, alpha, consultation
) -> None:
    begun = consultation()
    refused = put_on(bound, begun, "TOBRA", dose_amount="2")
    assert refused.status_code == 422
    assert 'href="#quantity"' in refused.get_data(as_text=True)
    words = {"dose_amount": "2", "quantity": "1", "instructions": "Cháu An nhỏ mắt trái"}
    assert put_on(bound, begun, "TOBRA", **words).status_code == 303
    item = only_item(bound, begun)
    for query, kept in (("", None), ("?instructions=1", words["instructions"]), ("", None)):
        assert act(begun, f"/medicines/{item.id}/favourite{query}").status_code == 303
        with bound(alpha):
            favourite = db.session.scalars(sa.select(PrescriptionFavourite)).one()
            assert (favourite.instructions, favourite.quantity) == (kept, 1)
            favourite_id = favourite.id
    assert act(begun, f"/medicines/{item.id}/remove").status_code == 303
    assert act(begun, f"/favourites/{favourite_id}").status_code == 303
    again = only_item(bound, begun)
    assert (again.quantity, again.dose_unit, again.instructions) == (1, "giọt", None)
    assert begun.doctor.get(f"{DESK}/favourites").status_code == 200


def test_an_order_set_asks_for_the_quantity_of_a_cream(bound, alpha, sign_in_staff) -> None:
    keeper, index = sign_in_staff(alpha, "administrator"), f"{DESK}/order-sets"
    url = keeper.submit(index, {"name": "Chàm", "note": ""}, page=index).headers["Location"]
    item = {"medicine_id": medicine(bound, "BETAKEM"), "dose_amount": "1", "times_per_day": "2", "days": "7"}
    assert keeper.submit(f"{url}/medicines", item, page=url).status_code == 422
    assert keeper.submit(f"{url}/medicines", {**item, "quantity": "1"}, page=url).status_code == 303
    assert "1 lớp mỏng" in keeper.get(url).get_data(as_text=True)
    with bound(alpha):
        assert db.session.scalars(sa.select(OrderSetItem.quantity)).one() == 1


@pytest.fixture
def other_strength(platform, alpha):
    """Change what the formulary means by paracetamol, behind its back, until the test is over."""

    def change(strength: str) -> None:
        with platform.admin(alpha) as connection:
            connection.execute("UPDATE medicines SET strength = %s WHERE code = 'PARA500'", (strength,))

    yield lambda: change("650 mg")
    change("500 mg")


def test_a_renewal_leaves_out_and_names_what_is_otherwise_in_the_formulary_now(
    bound, consultation, other_strength
) -> None:
    begun = consultation()
    former = signed(bound, begun, "PARA500", "AMLO5")
    other_strength()
    again = comes_again(bound, begun)
    assert act(again, f"/renewals/{former}").status_code == 303
    assert only_item(bound, again).medicine_name == "Amlodipin"
    assert "Paracetamol" in again.doctor.get(again.url).get_data(as_text=True)


def test_a_renewal_keeps_a_typed_quantity(bound, consultation) -> None:
    begun = consultation()
    write(begun)
    assert put_on(bound, begun, "TOBRA", dose_amount="2", quantity="3").status_code == 303
    assert act(begun, "/sign").status_code == 303
    former, again = only_item(bound, begun).prescription_id, comes_again(bound, begun)
    assert act(again, f"/renewals/{former}").status_code == 303
    assert only_item(bound, again).quantity == 3


def test_what_doses_are_counted_in_does_not_change_beneath_them(bound, alpha, consultation, sign_in_staff) -> None:
    begun = consultation()
    prescribe(bound, begun, "PARA500")
    edit = f"{DESK}/formulary/{medicine(bound, 'PARA500')}"
    keeper = sign_in_staff(alpha, "administrator")
    for change in ({"unit": "gói"}, {"strength": "650 mg"}, {"form": "Bột"}, {"route": "Tiêm"}):
        assert keeper.post(edit, data=fields_of(keeper.get(edit), **change)).status_code == 422
    cream = f"{DESK}/formulary/{medicine(bound, 'BETAKEM')}"
    assert keeper.post(cream, data=fields_of(keeper.get(cream), dose_unit="")).status_code == 422
    assert keeper.post(cream, data=fields_of(keeper.get(cream), package_content="1.000")).status_code == 422


def weigh(bound, begun, kg, days_ago, visit_id=None) -> None:
    with bound("alpha"):
        db.session.add(VitalSigns(
            patient_id=begun.patient_id, appointment_id=visit_id, measured_by=begun.doctor.person["id"], weight_kg=kg,
            measured_at=clock.now() - timedelta(days=days_ago, minutes=1),
        ))  # fmt: skip


@pytest.mark.parametrize(
    ("born", "days_ago", "of_visit", "weight"),
    [
        (3 * 365, 31, False, "chưa cân"),
        (3 * 365, 30, False, "12,5 kg ("),
        (3 * 365, 0, True, "12,5 kg"),
        (30 * 365, 400, False, "12,5 kg ("),
    ],
)
def test_the_paper_tells_whose_weight_it_is_and_a_small_childs_parent(
    bound, consultation, monkeypatch, born, days_ago, of_visit, weight
) -> None:
    begun = consultation(born_on=clock.now().date() - timedelta(days=born))
    weigh(bound, begun, 11, days_ago=60 if born < 4000 else 500)
    weigh(bound, begun, 12.5, days_ago, begun.id if of_visit else None)
    with bound("alpha"):
        db.session.add(PatientRelation(patient_id=begun.patient_id, kind=RelationKind.MOTHER, full_name="Lê Thị Mẹ"))
    prescription_id, said = signed(bound, begun), {}
    monkeypatch.setattr(prescription_paper, "pdf", lambda _name, facts: said.update(facts["patient"]) or b"%PDF-")
    begun.doctor.get(f"{DESK}/prescriptions/{prescription_id}/paper")
    assert said["weight"].startswith(weight)
    assert said["weight"].endswith(")") == weight.endswith("(")
    assert said["guardian"] == ("Lê Thị Mẹ" if born < 4000 else "")
