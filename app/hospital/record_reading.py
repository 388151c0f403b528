"""Reading a record otherwise than on its page: two versions side by side, and on paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response, request

from app.core.actor import Actor
from app.core.formats.dates import format_date, format_datetime
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.access.fields import MEDICINES, may_read
from app.domain.audit.operations import record_access
from app.domain.identity.permissions import VIEW_RECORDS
from app.domain.prescriptions.models import PrescriptionStatus
from app.domain.prescriptions.queries import list_items
from app.domain.records.comparing import compare_lists, compare_notes
from app.domain.records.errors import RecordNotFound
from app.domain.records.models import RecordStatus
from app.domain.records.queries import OpenRecord, list_diagnoses, open_record
from app.domain.records.rules import LABELS, NOTE_FIELDS
from app.hospital import hospital
from app.hospital import wording as words
from app.hospital.vitals_table import tabulate
from app.tenancy.binding import bound_hospital
from app.web.documents import pdf, pdf_response
from app.web.i18n import current_language
from app.web.principals import current_actor
from app.web.render import render
from app.web.templates import hospital_zone


@hospital.get("/consultations/<uuid:record_id>/compare")
@requires(VIEW_RECORDS)
def consultations_compare(record_id: UUID) -> Response:
    """Show what of a record changed between two of its versions: by number, else the one before."""
    actor, opened = current_actor(), open_record(current_actor(), record_id)
    number = request.args.get("with", opened.row.number - 1, type=int)
    other = next((each for each in opened.versions if each.number == number), None)
    if other is None or other.id == record_id:
        raise RecordNotFound
    older, newer = sorted((other, _own_version(opened)), key=lambda each: each.number)
    return render(
        "hospital/consultations/compare.html",
        opened=opened,
        record=opened.row,
        patient=opened.patient,
        older=older,
        newer=newer,
        texts=compare_notes(older, newer, opened.hidden),
        diagnoses=compare_lists(_diagnoses(older.id), _diagnoses(newer.id)),
        medicines=compare_lists(_medicines(actor, older.id), _medicines(actor, newer.id)),
    )


@hospital.get("/consultations/<uuid:record_id>/print")
@requires(VIEW_RECORDS)
def consultations_print(record_id: UUID) -> Response:
    """Show a record as it is printed on A4; a draft and a replaced version say that they are."""
    opened = open_record(current_actor(), record_id)
    record_access(
        current_actor(),
        "record.print",
        subject_type="medical_record",
        subject_id=record_id,
        patient_ids=[opened.row.patient_id],
    )
    content = pdf("record", _facts(current_actor(), opened))
    return pdf_response(content, f"{opened.row.appointment_code}-{opened.row.number}.pdf")


def _own_version(opened: OpenRecord) -> Any:
    return next(each for each in opened.versions if each.id == opened.row.id)


def _diagnoses(record_id: UUID) -> list[str]:
    return [_diagnosis(row) for row in list_diagnoses(record_id)]


def _diagnosis(row: Any) -> str:
    return f"{row.code} {words.diagnosis_title(row)} ({words.DIAGNOSIS_KIND[row.kind]})"


def _medicines(actor: Actor, record_id: UUID) -> list[str]:
    if not may_read(actor, MEDICINES.code):
        return []
    items = list_items(record_id)
    return [*_no_longer(items), *(_medicine(row) for row in items)]


def _medicine(row: Any) -> str:
    timing = "" if row.meal_timing.value == "any" else f", {words.MEAL_TIMING[row.meal_timing]}"
    note = f" – {row.instructions}" if row.instructions else ""
    return f"{row.medicine_name} {row.strength}: {words.dose(row)}{timing}; {words.quantity(row)}{note}"


def _no_longer(items: Sequence[Any]) -> list[str]:
    """Say that what was prescribed is not in force any more, and why."""
    if not items or items[0].status is not PrescriptionStatus.CANCELLED:
        return []
    reason = items[0].cancel_reason or _("A newer version of the record has taken its place.")
    return [f"{_('CANCELLED')}: {reason}"]


def _facts(actor: Actor, opened: OpenRecord) -> dict[str, Any]:
    row, patient, zone = opened.row, opened.patient, hospital_zone()
    vitals = tabulate(patient, [each for each in opened.vitals if each.appointment_id == row.appointment_id][:1])
    return {
        "title": _("Medical record"),
        "locale": current_language(),
        "code": row.appointment_code,
        "code_label": _("Visit"),
        "hospital": {"name": bound_hospital().display_name},
        "state": _state(opened),
        "who": [
            [_("Full name"), patient.full_name],
            [_("Patient code"), patient.code],
            [_("Date of birth"), format_date(patient.born_on)],
            [_("Sex"), str(words.SEX[patient.sex])],
            [_("Visit time"), format_datetime(row.starts_at, zone)],
            [_("Department"), row.department_name],
            [_("Doctor"), row.doctor_name],
            [_("Allergies"), _allergies(patient)],
        ],
        "sections": _sections(actor, opened, vitals.rows),
        "signature": _signature(opened),
    }


def _sections(actor: Actor, opened: OpenRecord, vitals: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of the sheet that have something to say; a text closed to the reader says so."""
    measured = [
        f"{row['label']}: {row['values'][0]['text']} {row['unit']}".strip()
        for row in vitals
        if row["values"][0]["text"]
    ]
    texts = {
        name: _("Not shown to your role") if name in opened.hidden else getattr(opened.note, name)
        for name in NOTE_FIELDS
    }
    parts = [
        (str(LABELS["complaint"]), [texts["complaint"]]),
        (str(LABELS["history"]), [texts["history"]]),
        (_("Vital signs"), ["; ".join(measured)]),
        (str(LABELS["examination"]), [texts["examination"]]),
        (_("Diagnoses"), [_diagnosis(each) for each in opened.diagnoses]),
        (str(LABELS["assessment"]), [texts["assessment"]]),
        (str(LABELS["plan"]), [texts["plan"]]),
        (_("Prescription"), [*_no_longer(opened.items), *(_medicine(each) for each in opened.items)]),
    ]
    return [{"title": title, "lines": [line for line in lines if line]} for title, lines in parts if any(lines)]


def _state(opened: OpenRecord) -> str:
    row = opened.row
    if row.status is RecordStatus.DRAFT:
        return _("DRAFT: not signed yet, may still change.")
    if row.status is RecordStatus.AMENDED:
        return _("REPLACED: version %(number)s is no longer in force.", number=row.number)
    return _("Version %(number)s", number=row.number) if row.number > 1 else ""


def _signature(opened: OpenRecord) -> dict[str, str] | None:
    row = opened.row
    if row.signed_at is None:
        return None
    signed = _("Signed electronically on %(when)s", when=format_datetime(row.signed_at, hospital_zone()))
    return {"label": _("Treating doctor"), "name": row.doctor_name, "when": signed}


def _allergies(patient: Any) -> str:
    if patient.hides("allergies"):
        return _("Not shown to your role")
    known = [each if isinstance(each, str) else each.substance for each in patient.allergies]
    return ", ".join(known) or str(words.ALLERGY_STATE[patient.allergy_state])
