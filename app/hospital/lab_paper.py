"""A report of a test on paper: the facts that its Typst template sets."""

from __future__ import annotations

from typing import Any

from app.core.formats.dates import format_date, format_datetime
from app.core.i18n import _
from app.domain.laboratory.models import Flag, ReportStatus
from app.domain.laboratory.reading import OpenReport
from app.hospital import lab_words, wording
from app.tenancy.binding import bound_hospital
from app.web.documents import pdf
from app.web.i18n import current_language
from app.web.templates import hospital_zone


def report_pdf(opened: OpenReport) -> bytes:
    """Return the report on A4."""
    row, patient, zone = opened.row, opened.patient, hospital_zone()
    return pdf(
        "lab_report",
        {
            "title": _("Test result"),
            "name": row.test_name,
            "locale": current_language(),
            "code": row.order_code,
            "code_label": _("Order"),
            "hospital": {"name": bound_hospital().display_name},
            "state": _state(row),
            "who": [
                [_("Full name"), patient.full_name],
                [_("Patient code"), patient.code],
                [_("Date of birth"), format_date(patient.born_on)],
                [_("Sex"), str(wording.SEX[patient.sex])],
                [_("Ordered by"), row.doctor_name],
                [_("Collected"), format_datetime(row.observed_at, zone)],
            ],
            "headers": [_("Measured"), _("Value"), _("Unit"), _("Usual range"), _("Compared with the range")],
            "values": [_value(value) for value in opened.values],
            "sections": [
                {"title": title, "text": text}
                for title, text in (
                    (_("Not measured"), ", ".join(row.not_measured)),
                    (_("Findings"), row.findings),
                    (_("Interpretation"), row.interpretation),
                )
                if text
            ],
            "correction": _("Corrected, version %(number)s", number=row.number) + f": {row.correction_reason}"
            if row.correction_reason
            else "",
            "signature": _signature(row),
        },
    )


def _state(row: Any) -> str:
    if row.status is ReportStatus.DRAFT:
        return _("Not verified yet: it may still change.")
    return "" if row.is_current else _("This version was replaced by a newer one.")


def _value(value: Any) -> dict[str, Any]:
    unusual = value.flag not in (None, Flag.NORMAL)
    return {
        "name": value.name,
        "value": lab_words.value(value),
        "unit": value.unit or "",
        "usual": lab_words.usual(value),
        "flag": str(lab_words.FLAG[value.flag]) if unusual else "" if value.flag else lab_words.not_compared(value),
    }


def _signature(row: Any) -> dict[str, str] | None:
    if row.verified_at is None:
        return None
    when = format_datetime(row.verified_at, hospital_zone())
    return {"label": _("Verified"), "name": row.verified_by_name or "", "when": when}
