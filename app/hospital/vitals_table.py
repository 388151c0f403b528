"""Measurements as the vitals table shows them: one row per sign, the newest column first, the unusual in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.core import clock
from app.core.errors import Text
from app.core.formats.dates import format_date, format_time, is_adult
from app.core.formats.numbers import format_decimal
from app.core.i18n import _
from app.domain.patients.queries import PatientRow
from app.domain.records.vital_ranges import RANGES, Level, VitalSign, assess, bmi, words
from app.web.templates import hospital_zone


@dataclass(frozen=True, slots=True)
class VitalsTable:
    """The columns' times, the rows of the component, and what is unusual in the newest measurement."""

    times: list[str]
    rows: list[dict[str, Any]]
    unusual: list[str]

    def latest(self, count: int) -> VitalsTable:
        """Return the same with the newest columns only, where there is little room."""
        rows = [{**row, "values": row["values"][:count]} for row in self.rows]
        return VitalsTable(self.times[:count], rows, self.unusual)


def tabulate(patient: PatientRow, measurements: Sequence[Any]) -> VitalsTable:
    """Shape measurements, newest first; signs that were never measured are left out."""
    adult = is_adult(patient.born_on, clock.today(hospital_zone()))
    measured = [sign for sign in VitalSign if any(getattr(each, sign.value) is not None for each in measurements)]
    rows = [
        _pressure_row(measurements, adult) if sign is VitalSign.SYSTOLIC else _row(sign, measurements, adult)
        for sign in measured
        if sign is not VitalSign.DIASTOLIC
    ]
    if adult and (row := _bmi_row(measurements)):
        rows.append(row)
    return VitalsTable([_when(each) for each in measurements], rows, unusual(patient, measurements[:1]))


def unusual(patient: PatientRow, measurements: Sequence[Any]) -> list[str]:
    """Say what is unusual in measurements: “Fever: 38,5 °C”."""
    adult = is_adult(patient.born_on, clock.today(hospital_zone()))
    said: dict[str, str] = {}
    for each in measurements:
        for sign in VitalSign:
            value = getattr(each, sign.value)
            word = words(sign, assess(sign, value, adult=adult)) if value is not None else None
            if word:
                said.setdefault(str(word), _value_words(sign, each))
    return [f"{word}: {value}" for word, value in said.items()]


def _value_words(sign: VitalSign, measurement: Any) -> str:
    if sign in (VitalSign.SYSTOLIC, VitalSign.DIASTOLIC):
        return f"{measurement.systolic}/{measurement.diastolic} mmHg"
    return f"{format_decimal(getattr(measurement, sign.value))} {RANGES[sign].unit}".strip()


def _row(sign: VitalSign, measurements: Sequence[Any], adult: bool) -> dict[str, Any]:
    limits = RANGES[sign]
    return {
        "label": limits.label,
        "unit": limits.unit,
        "values": [_cell(sign, getattr(each, sign.value), limits.places, adult) for each in measurements],
    }


def _pressure_row(measurements: Sequence[Any], adult: bool) -> dict[str, Any]:
    """Return the blood pressure as it is said: both values in one, flagged by the one that is out of range."""
    upper, lower = (_row(sign, measurements, adult)["values"] for sign in (VitalSign.SYSTOLIC, VitalSign.DIASTOLIC))
    values = [
        {"text": f"{high['text']}/{low['text']}" if high["text"] else "", "flag": high["flag"] or low["flag"]}
        for high, low in zip(upper, lower, strict=True)
    ]
    return {"label": _("Blood pressure"), "unit": "mmHg", "values": values}


def _cell(sign: VitalSign, value: Any, places: int, adult: bool) -> dict[str, Any]:
    if value is None:
        return {"text": "", "flag": None}
    level = assess(sign, value, adult=adult)
    flag = level.value if level in (Level.LOW, Level.HIGH) else None
    return {"text": format_decimal(value, places), "flag": flag}


def _bmi_row(measurements: Sequence[Any]) -> dict[str, Any] | None:
    values: list[Text] = [
        format_decimal(bmi(each.weight_kg, each.height_cm), 1) if each.weight_kg and each.height_cm else ""
        for each in measurements
    ]
    if not any(values):
        return None
    return {"label": _("BMI"), "unit": "kg/m²", "values": [{"text": text, "flag": None} for text in values]}


def _when(measurement: Any) -> str:
    zone = hospital_zone()
    day = measurement.measured_at.astimezone(zone).date()
    clock_time = format_time(measurement.measured_at, zone)
    return clock_time if day == clock.today(zone) else f"{format_date(day)} {clock_time}"
