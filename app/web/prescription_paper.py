"""The paper of a prescription: A5, in Vietnamese or in Vietnamese and English, for staff and for the patient alike.

What it holds follows Circular 52/2017/TT-BYT (article 6): a child under 72 months by months, weight and who brings it,
a quantity of one digit led by a zero, no empty room in which a line could be added.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from flask_babel import force_locale

from app.core.formats.dates import format_date
from app.core.formats.numbers import format_decimal
from app.core.i18n import _
from app.domain.patients.models import Sex
from app.domain.prescriptions.doses import Dose, dosed_in, format_quantity
from app.domain.prescriptions.issued import Issued
from app.domain.prescriptions.models import MealTiming, PrescriptionStatus
from app.tenancy.binding import bound_hospital
from app.web.documents import pdf, qr_svg
from app.web.templates import local_day

LANGUAGES = ("vi", "both")
CHILD_MONTHS = 72
CHILDS_WEIGHT_LASTS = timedelta(days=30)


def prescription_pdf(issued: Issued, language: str) -> bytes:
    """Return a prescription as PDF: `vi`, or `both` with English below."""
    return pdf("prescription", _facts(issued, ("vi", "en") if language == "both" else ("vi",)))


def _facts(issued: Issued, locales: tuple[str, ...]) -> dict[str, Any]:
    row, patient, day = issued.row, issued.patient, local_day(issued.row.signed_at)
    return {
        "locale": "vi",
        "title": _in_all(locales, lambda: _("PRESCRIPTION")),
        "code": row.code,
        "qr": qr_svg(row.national_code or row.code),
        "hospital": {"name": bound_hospital().display_name, "address": row.department_name},
        "cancelled": _in_all(locales, lambda: _no_longer(issued)) or None,
        "labels": {name: _in_all(locales, say) for name, say in _LABELS.items()},
        "national_code": row.national_code or "",
        "patient": {
            "name": patient.full_name,
            "code": patient.code,
            "born": f"{format_date(patient.born_on)} ({_in_all(locales, lambda: _age(patient.born_on, day))})",
            "sex": _in_all(locales, lambda: _sex(patient.sex)),
            "bhyt": patient.bhyt or "",
            "weight": _in_all(locales, lambda: _weight(issued, day)),
            "guardian": (issued.guardian or "") if _months(patient.born_on, day) < CHILD_MONTHS else "",
        },
        "diagnoses": [_diagnosis(entry, locales) for entry in issued.diagnoses],
        "items": [_item(item, locales) for item in issued.items],
        "count": f"{len(issued.items):02d}",
        "note": row.note or "",
        "day": _in_all(locales, lambda: _("Day %(day)s", day=format_date(day))),
        "doctor": row.doctor_name,
        "licence": row.licence_number or "",
    }


def _in_all(locales: tuple[str, ...], say: Callable[[], str]) -> str:
    """Say something in each language, one after the other, and once where they agree."""
    said = []
    for locale in locales:
        with force_locale(locale):
            said.append(str(say()))
    return " / ".join(dict.fromkeys(said))


def _item(item: Any, locales: tuple[str, ...]) -> dict[str, Any]:
    dose = Dose(item.dose_amount, item.times_per_day, item.days)

    def line() -> str:
        timing = _timing(item.meal_timing)
        return f"{item.route}: {dose.text(dosed_in(item))}{f', {timing}' if timing else ''}"

    lines = []
    for locale in locales:
        with force_locale(locale):
            lines.append(line())
    return {
        "name": f"{item.medicine_name} {item.strength}",
        "quantity": format_quantity(item.quantity, item.unit),
        "lines": lines,
        "instructions": item.instructions or "",
    }


def _diagnosis(entry: Any, locales: tuple[str, ...]) -> str:
    titles = [entry.title if locale == "vi" else entry.title_en for locale in locales]
    return f"{entry.code} {' / '.join(dict.fromkeys(titles))}"


def _no_longer(issued: Issued) -> str:
    if issued.row.status is not PrescriptionStatus.CANCELLED:
        return ""
    return _("REPLACED") if issued.is_replaced else _("CANCELLED")


def _weight(issued: Issued, day: date) -> str:
    """Write the visit's weight, or an older one with its day; a small child's is soon no longer its weight."""
    measured_on = issued.weight and issued.weight.measured_at and local_day(issued.weight.measured_at)
    small = _months(issued.patient.born_on, day) < CHILD_MONTHS
    if issued.weight is None or (small and measured_on and day - measured_on > CHILDS_WEIGHT_LASTS):
        return _("not weighed") if small else ""
    weight = f"{format_decimal(issued.weight.weight_kg)} kg"
    return f"{weight} ({format_date(measured_on)})" if measured_on else weight


def _months(born_on: date, day: date) -> int:
    return (day.year - born_on.year) * 12 + day.month - born_on.month - (day.day < born_on.day)


def _age(born_on: date, day: date) -> str:
    months = _months(born_on, day)
    if months < CHILD_MONTHS:
        return _("%(count)s months of age", count=months)
    return _("%(count)s years of age", count=months // 12)


def _sex(sex: Sex) -> str:
    return {Sex.MALE: _("Male"), Sex.FEMALE: _("Female"), Sex.OTHER: _("Other")}[sex]


def _timing(timing: MealTiming) -> str:
    return {
        MealTiming.ANY: "",
        MealTiming.BEFORE: _("before meals"),
        MealTiming.WITH: _("with meals"),
        MealTiming.AFTER: _("after meals"),
        MealTiming.BEDTIME: _("at bedtime"),
    }[timing]


_LABELS: dict[str, Callable[[], str]] = {
    "code": lambda: _("Prescription No."),
    "national_code": lambda: _("National code"),
    "name": lambda: _("Full name"),
    "patient_code": lambda: _("Patient code"),
    "born": lambda: _("Date of birth"),
    "sex": lambda: _("Sex"),
    "bhyt": lambda: _("Insurance card (BHYT)"),
    "weight": lambda: _("Weight"),
    "guardian": lambda: _("Parent or guardian"),
    "diagnosis": lambda: _("Diagnosis"),
    "medicines": lambda: _("Medicines"),
    "quantity": lambda: _("Qty"),
    "count": lambda: _("Number of medicines"),
    "note": lambda: _("Advice"),
    "doctor": lambda: _("Prescribing doctor"),
    "licence": lambda: _("Licence No."),
    "signed": lambda: _("Signed electronically"),
    "bring": lambda: _("Bring this prescription when you come again."),
}
