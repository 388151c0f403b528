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
from app.domain.records import news2
from app.domain.records.vital_ranges import RANGES, Level, VitalSign, assess, bmi, words
from app.hospital.early_warning import EarlyWarning, early_warning, is_on_scale_2
from app.hospital.wording import CONSCIOUSNESS, OXYGEN
from app.web.plots import Point, sparkline
from app.web.templates import hospital_zone

CRITICAL = 3


@dataclass(frozen=True, slots=True)
class VitalsTable:
    """The columns' times, the rows of the component, and what is unusual in the newest measurement."""

    times: list[str]
    rows: list[dict[str, Any]]
    unusual: list[str]
    warning: EarlyWarning | None = None

    def latest(self, count: int) -> VitalsTable:
        """Return the same with the newest columns only, where there is little room; the trends stay whole."""
        rows = [{**row, "values": row["values"][:count]} for row in self.rows]
        shown = [row for row in rows if any(value["text"] for value in row["values"])]
        return VitalsTable(self.times[:count], shown, self.unusual, self.warning)


def tabulate(patient: PatientRow, measurements: Sequence[Any]) -> VitalsTable:
    """Shape measurements, newest first, with the trend of each sign; signs that were never measured are left out."""
    today = clock.today(hospital_zone())
    adult, scored = is_adult(patient.born_on, today), news2.applies(patient.born_on, today)
    points = [news2.score(each).points if scored else {} for each in measurements]
    measured = [sign for sign in VitalSign if any(getattr(each, sign.value) is not None for each in measurements)]
    rows = [
        _pressure_row(measurements, points, adult)
        if sign is VitalSign.SYSTOLIC
        else _row(sign, measurements, points, adult)
        for sign in measured
        if sign is not VitalSign.DIASTOLIC
    ]
    rows += _seen_rows(measurements, points)
    if adult and (row := _bmi_row(measurements)):
        rows.append(row)
    if scored and (row := _score_row(measurements)):
        rows.append(row)
    warning = early_warning(patient, measurements[0]) if measurements else None
    return VitalsTable([_when(each) for each in measurements], rows, unusual(patient, measurements[:1]), warning)


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
        return _pressure_words(measurement, " mmHg")
    return f"{format_decimal(getattr(measurement, sign.value))} {RANGES[sign].unit}".strip()


def _pressure_words(measurement: Any, unit: str = "") -> str:
    """Say a blood pressure; of a faint one the lower value may be unknown, and 0 is none that could be measured."""
    if measurement.systolic is None:
        return ""
    if measurement.systolic == 0:
        return _("not measurable")
    lower = "–" if measurement.diastolic is None else measurement.diastolic
    return f"{measurement.systolic}/{lower}{unit}"


def _row(sign: VitalSign, measurements: Sequence[Any], points: Sequence[dict[str, int]], adult: bool) -> dict[str, Any]:
    limits = RANGES[sign]
    values = [
        _cell(sign, getattr(each, sign.value), limits.places, adult, scored.get(sign.value, 0))
        for each, scored in zip(measurements, points, strict=True)
    ]
    return {"label": limits.label, "unit": limits.unit, "values": values, "trend": _trend(sign, measurements, adult)}


def _trend(sign: VitalSign, measurements: Sequence[Any], adult: bool) -> Any:
    limits = RANGES[sign]
    low, high = limits.normal if limits.normal and adult else (None, None)
    found = [(each.measured_at, getattr(each, sign.value)) for each in reversed(measurements)]
    points = [
        Point(when, value, words(sign, assess(sign, value, adult=adult)) or None)
        for when, value in found
        if value is not None
    ]
    return sparkline(points, label=limits.label, unit=limits.unit, low=low, high=high)


def _pressure_row(measurements: Sequence[Any], points: Sequence[dict[str, int]], adult: bool) -> dict[str, Any]:
    """Return the blood pressure as it is said: both values in one, flagged by the one that is out of range."""
    upper, lower = (_row(sign, measurements, points, adult) for sign in (VitalSign.SYSTOLIC, VitalSign.DIASTOLIC))
    values = [
        {"text": _pressure_words(each), "flag": high["flag"] or low["flag"]}
        for each, high, low in zip(measurements, upper["values"], lower["values"], strict=True)
    ]
    return {**upper, "label": _("Blood pressure"), "values": values}


def _cell(sign: VitalSign, value: Any, places: int, adult: bool, points: int) -> dict[str, Any]:
    """Return a value with its flag; what alone scores 3 in NEWS2 is critical."""
    if value is None:
        return {"text": "", "flag": None}
    level = assess(sign, value, adult=adult)
    flag = level.value if level in (Level.LOW, Level.HIGH) else None
    return {"text": format_decimal(value, places), "flag": "critical" if points >= CRITICAL else flag}


def _seen_rows(measurements: Sequence[Any], points: Sequence[dict[str, int]]) -> list[dict[str, Any]]:
    """Return what was seen rather than measured, where anybody looked."""
    breathing = [
        "" if each.on_oxygen is None else OXYGEN["oxygen" if each.on_oxygen else "air"] for each in measurements
    ]
    awake = ["" if each.consciousness is None else CONSCIOUSNESS[each.consciousness] for each in measurements]
    scales = [_("scale 2 (88–92 %)") if is_on_scale_2(each) else "" for each in measurements]
    flags = ["critical" if scored.get(news2.CONSCIOUSNESS, 0) >= CRITICAL else None for scored in points]
    rows = (
        (_("SpO₂ scale"), [{"text": text, "flag": None} for text in scales]),
        (_("Breathing"), [{"text": text, "flag": None} for text in breathing]),
        (_("Consciousness"), [{"text": text, "flag": flag} for text, flag in zip(awake, flags, strict=True)]),
    )
    return [
        {"label": label, "unit": "", "values": values} for label, values in rows if any(each["text"] for each in values)
    ]


def _score_row(measurements: Sequence[Any]) -> dict[str, Any] | None:
    """Return the early-warning scores; one with parts missing says at least how high it is."""
    scores = [news2.score(each) for each in measurements]
    if not any(each.points for each in scores):
        return None
    values = [
        {
            "text": "" if not each.points else str(each.total) if each.is_whole else f"≥ {each.total}",
            "flag": {news2.Risk.HIGH: "critical", news2.Risk.MEDIUM: "high"}.get(each.risk),
        }
        for each in scores
    ]
    whole = [(row.measured_at, each.total) for row, each in zip(measurements, scores, strict=True) if each.is_whole]
    trend = sparkline([Point(when, total) for when, total in reversed(whole)], label="NEWS2")
    return {"label": "NEWS2", "unit": "", "values": values, "trend": trend}


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
