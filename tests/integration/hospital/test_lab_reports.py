"""Results as they are read: the report and its paper, attachments, values over time, and what the patient sees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.db import db
from app.core.row_scope import seeing
from app.domain.documents.models import Document, DocumentVersion
from app.domain.files.models import FileLink
from app.domain.identity.row_scope import own_rows_of
from app.domain.laboratory.models import Flag, LabReport
from tests.integration.hospital.results_at_hand import make_report
from tests.integration.hospital.test_documents import PDF, image, post
from tests.integration.privacy.test_export_documents import add_version, keep
from tests.support.client import CheckingClient
from tests.support.queries import count_queries

HOME = "/h/alpha/hospital"
OWN = "/h/alpha/patient"
SignIn = Callable[..., CheckingClient]
DAY = timedelta(days=1)  # the database has a clock of its own, which nobody holds


@pytest.fixture
def potassium(alpha: str, bound: Any, visit: Callable[..., Any]) -> Any:
    """A visit whose patient's potassium was measured three times: `.reports`, the oldest first; none is released."""
    case = visit()
    with bound(alpha):
        found = [("4.2", Flag.NORMAL, 60), ("5.6", Flag.HIGH, 20), ("6.9", Flag.CRITICAL_HIGH, 0)]
        doctor = case.doctor.person["id"]
        case.reports = [
            make_report(case.patient_id, doctor, {"K": (value, flag)}, days_ago=days).id for value, flag, days in found
        ]
    return case


def test_a_report_shows_values_beside_what_was_before_and_prints(potassium: Any) -> None:
    url = f"{HOME}/lab-reports/{potassium.reports[2]}"
    page = potassium.doctor.get(url).text
    assert "6,9" in page
    assert "5,6" in page
    assert "Rất cao" in page or "nguy kịch" in page.lower()
    paper = potassium.doctor.get(f"{url}/print")
    assert paper.data.startswith(b"%PDF")
    assert paper.mimetype == "application/pdf"


def test_values_over_time_stand_in_a_table_and_are_drawn_in_few_statements(potassium: Any, alpha: str) -> None:
    url = f"{HOME}/patients/{potassium.patient_id}/results"
    with count_queries() as counted:
        page = potassium.doctor.get(url).text
    assert [page.count(value) > 0 for value in ("4,2", "5,6", "6,9")] == [True] * 3
    assert "sparkline" in page
    assert len(counted) <= 12
    at = page.split("analyte=")[1][:36]
    drawn = potassium.doctor.get(f"{url}?analyte={at}").text
    assert 'class="plot__svg"' in drawn
    assert "3,5" in drawn


def test_results_are_as_closed_as_the_patient_and_the_role(potassium: Any, alpha: str, sign_in_staff: SignIn) -> None:
    report, patient = potassium.reports[0], potassium.patient_id
    for role, facts in (("receptionist", {}), ("doctor", {"department": "NHI"})):
        other = sign_in_staff(alpha, role, **facts)
        for url in (f"lab-reports/{report}", f"lab-reports/{report}/print", f"patients/{patient}/results"):
            assert other.get(f"{HOME}/{url}").status_code == 403


def test_a_technician_attaches_what_only_readers_of_results_see(
    potassium: Any, alpha: str, bound: Any, sign_in_staff: SignIn
) -> None:
    with bound(alpha):
        item = db.session.get_one(LabReport, potassium.reports[2]).item_id
    technician = sign_in_staff(alpha, "lab_technician")
    at = f"{HOME}/lab-tests/{item}/attachments"
    assert post(technician, at, PDF, "phim.pdf", at, title="Phiếu máy").status_code == 303
    assert post(technician, at, b"MZ" + b"\0" * 200, "phim.pdf", at).status_code == 422
    page = technician.get(at).text
    assert "Phiếu máy" in page
    shown = page.split("/lab-attachments/")[1][:36]
    assert technician.get(f"{HOME}/lab-attachments/{shown}").status_code == 200
    assert technician.get(f"{HOME}/lab-attachments/{shown}/page").mimetype == "image/png"
    assert "Phiếu máy" in potassium.doctor.get(f"{HOME}/lab-reports/{potassium.reports[2]}").text
    assert sign_in_staff(alpha, "records_clerk").get(f"{HOME}/documents/{shown}").status_code == 404


def test_a_patient_reads_what_is_released_in_plain_words_and_nothing_else(
    alpha: str, bound: Any, visit: Callable[..., Any], sign_in_patient: SignIn
) -> None:
    case, doctor = visit(), None
    doctor = case.doctor.person["id"]
    with bound(alpha):
        now = clock.now()
        released = make_report(case.patient_id, doctor, {"K": ("5.6", Flag.HIGH)}, released_at=now - DAY).id
        later = make_report(case.patient_id, doctor, {"K": ("4.4", Flag.NORMAL)}, released_at=now + DAY)
        kept = make_report(case.patient_id, doctor, {"NA": ("131", Flag.LOW)}).id
        hidden = (later.id, kept)
    patient, other = sign_in_patient(alpha, case.patient_id), sign_in_patient(alpha)
    assert patient.get(f"{OWN}/results").text.count("/results/") == 1
    page = patient.get(f"{OWN}/results/{released}").text
    for words in ("5,6", "Cao hơn bình thường", "3,5–5,1", "lần khám tới"):
        assert words in page
    assert [patient.get(f"{OWN}/results/{each}").status_code for each in hidden] == [404, 404]
    assert other.get(f"{OWN}/results/{released}").status_code == 404


def test_a_patient_has_nothing_to_do_only_where_every_value_is_usual_and_nothing_else_is_said(
    alpha: str, bound: Any, visit: Callable[..., Any], sign_in_patient: SignIn
) -> None:
    case, usual, now = visit(), ("4.4", Flag.NORMAL), clock.now() - timedelta(days=1)
    nothing, ask = "không cần làm gì", "Hãy hỏi bác sĩ kết quả này"
    with bound(alpha):
        said: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
            (nothing, {"K": usual}, {}),
            (ask, {"K": usual, "NA": ("139", None)}, {}),
            (ask, {"K": ("72", None)}, {}),
            (ask, {"K": usual}, {"findings": "tổn thương nghi u"}),
            (ask, {"K": usual}, {"interpretation": "Staphylococcus aureus"}),
        ]
        doctor = case.doctor.person["id"]
        made = [
            make_report(case.patient_id, doctor, values, released_at=now, **words).id for _says, values, words in said
        ]
    patient = sign_in_patient(alpha, case.patient_id)
    for (says, _values, _words), report in zip(said, made, strict=True):
        page = patient.get(f"{OWN}/results/{report}").text
        assert [words in page for words in (nothing, ask)] == [says == nothing, says == ask]


def test_a_patient_reads_shared_documents_and_attachments_of_released_results_only(
    alpha: str, bound: Any, visit: Callable[..., Any], sign_in_patient: SignIn
) -> None:
    case = visit()
    new = f"{HOME}/patients/{case.patient_id}/documents"
    shared, kept = (
        post(case.doctor, new, content, "giay.pdf", f"{new}/new", title=title, kind="other", **facts).location[-36:]
        for content, title, facts in ((PDF, "Giấy chung", {"shared": "y"}), (image(), "Ghi chú riêng", {}))
    )
    with bound(alpha):
        db.session.get_one(Document, UUID(shared)).shared_at = clock.now() - DAY
    patient = sign_in_patient(alpha, case.patient_id)
    assert "Giấy chung" in (listed := patient.get(f"{OWN}/documents").text)
    assert "Ghi chú riêng" not in listed
    assert patient.get(f"{OWN}/documents/{shared}").status_code == 200
    assert patient.get(f"{OWN}/documents/{shared}/page").mimetype == "image/png"
    assert patient.get(f"{OWN}/documents/{shared}/content?save=1").data == PDF
    assert patient.get(f"{OWN}/documents/{kept}").status_code == 404
    assert patient.get(f"{OWN}/documents/{kept}/content").status_code == 404
    assert sign_in_patient(alpha).get(f"{OWN}/documents/{shared}/content").status_code == 404


def test_a_patient_sees_of_a_released_result_only_what_was_there_when_it_was_verified(
    alpha: str, bound: Any, visit: Callable[..., Any], sign_in_patient: SignIn
) -> None:
    case, now = visit(), clock.now()
    with bound(alpha):
        report = make_report(
            case.patient_id, case.doctor.person["id"], {"K": ("5.6", Flag.HIGH)}, released_at=now - DAY
        )
        item, report_id = report.item_id, report.id
        early, late = now - timedelta(minutes=5), now + timedelta(minutes=5)
        seen = keep(case.patient_id, "phim da xac nhan", early, item)
        add_version(seen, "phim thay sau", 2, late)
        hidden = keep(case.patient_id, "phim them sau", late, item)
        seen_id, hidden_id = seen.id, hidden.id
    patient = sign_in_patient(alpha, case.patient_id)
    page = patient.get(f"{OWN}/results/{report_id}").text
    assert ("phim da xac nhan" in page, "phim them sau" in page) == (True, False)
    assert patient.get(f"{OWN}/documents/{seen_id}/content?save=1").data == b"phim da xac nhan"
    assert patient.get(f"{OWN}/documents/{hidden_id}").status_code == 404
    assert patient.get(f"{OWN}/documents/{hidden_id}/content").status_code == 404
    with bound(alpha), seeing(own_rows_of(case.patient_id)):
        titles = db.session.scalars(sa.select(Document.title)).all()
        numbers = db.session.scalars(sa.select(DocumentVersion.number)).all()
        links = db.session.scalar(sa.select(sa.func.count(FileLink.id)).where(FileLink.subject_type == "document"))
    assert (titles, numbers, links) == (["phim da xac nhan"], [1], 1)


def test_who_enters_results_takes_back_a_wrong_attachment_and_nobody_else_does(
    potassium: Any, alpha: str, bound: Any, sign_in_staff: SignIn
) -> None:
    with bound(alpha):
        item = db.session.get_one(LabReport, potassium.reports[2]).item_id
        wrong = keep(potassium.patient_id, "phim nguoi khac", clock.now(), item)
        paper = keep(potassium.patient_id, "giay to", clock.now())
        wrong_id, version, paper_id = wrong.id, str(wrong.version), paper.id
    technician, at = sign_in_staff(alpha, "lab_technician"), f"{HOME}/lab-attachments/{wrong_id}"
    sent = {"version": version, "reason": "Của người khác"}
    assert potassium.doctor.submit(f"{at}/delete", sent, page=HOME + "/today").status_code == 403
    other = f"{HOME}/lab-attachments/{paper_id}/delete"
    assert technician.submit(other, sent, page=at).status_code == 404
    nothing = technician.submit(f"{at}/delete", {**sent, "reason": " "}, page=at)
    assert (nothing.status_code, "phim nguoi khac" in nothing.text) == (422, True)
    assert technician.submit(f"{at}/delete", sent, page=at).status_code == 303
    assert technician.get(at).status_code == potassium.doctor.get(at).status_code == 404
    with bound(alpha):
        gone = db.session.get_one(Document, wrong_id)
        assert (gone.delete_reason, gone.deleted_by) == ("Của người khác", technician.person["id"])


def test_who_verifies_sees_what_is_attached(potassium: Any, alpha: str, bound: Any, sign_in_staff: SignIn) -> None:
    with bound(alpha):
        item = db.session.get_one(LabReport, potassium.reports[2]).item_id
        keep(potassium.patient_id, "phim kem theo", clock.now(), item)
    page = sign_in_staff(alpha, "lab_technician").get(f"{HOME}/lab-tests/{item}/verify")
    assert (page.status_code, "phim kem theo" in page.text) == (200, True)
