"""The National Early Warning Score: how ill somebody is by seven measurements, and how soon who looks.

Source: Royal College of Physicians, National Early Warning Score (NEWS) 2: Standardising the assessment of
acute-illness severity in the NHS. London: RCP, 2017. For people of 16 years and older who are not pregnant. It never
replaces a clinician's judgement, and says nothing while one of the seven is missing, except what it is at least.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.core.errors import Text
from app.core.formats.dates import years_between
from app.core.i18n import _l
from app.domain.records.models import Consciousness
from app.domain.records.vital_ranges import VitalSign

YOUNGEST = 16
OXYGEN, CONSCIOUSNESS = "on_oxygen", "consciousness"
SOURCE = "Royal College of Physicians, NEWS2, 2017"

# The highest value of each band with its points, in rising order; None is everything above.
Bands = tuple[tuple[str | None, int], ...]
BANDS: dict[VitalSign, Bands] = {
    VitalSign.RESPIRATORY_RATE: (("8", 3), ("11", 1), ("20", 0), ("24", 2), (None, 3)),
    VitalSign.SYSTOLIC: (("90", 3), ("100", 2), ("110", 1), ("219", 0), (None, 3)),
    VitalSign.PULSE: (("40", 3), ("50", 1), ("90", 0), ("110", 1), ("130", 2), (None, 3)),
    VitalSign.TEMPERATURE: (("35.0", 3), ("36.0", 1), ("38.0", 0), ("39.0", 1), (None, 2)),
}
SPO2_SCALE_1: Bands = (("91", 3), ("93", 2), ("95", 1), (None, 0))
# For hypercapnic respiratory failure with a target of 88-92 %, set by a clinician; above it only oxygen scores.
SPO2_SCALE_2_AIR: Bands = (("83", 3), ("85", 2), ("87", 1), (None, 0))
SPO2_SCALE_2_OXYGEN: Bands = (("83", 3), ("85", 2), ("87", 1), ("92", 0), ("94", 1), ("96", 2), (None, 3))
PARTS = (*BANDS, VitalSign.SPO2)


class Risk(StrEnum):
    """The clinical risk by chart 2."""

    LOW = "low"
    LOW_MEDIUM = "low_medium"
    MEDIUM = "medium"
    HIGH = "high"


RISK_WORDS: dict[Risk, Text] = {
    Risk.LOW: _l("low risk"),
    Risk.LOW_MEDIUM: _l("low to medium risk: one value alone scores 3"),
    Risk.MEDIUM: _l("medium risk"),
    Risk.HIGH: _l("high risk"),
}
RESPONSES: dict[Risk, Text] = {
    Risk.LOW: _l("A nurse decides on care. Measure again within 6 hours; within 12 where the score is 0."),
    Risk.LOW_MEDIUM: _l("Tell the doctor, who decides on care. Measure at least every hour."),
    Risk.MEDIUM: _l("A doctor assesses urgently. Measure at least every hour."),
    Risk.HIGH: _l("Emergency: a team with critical-care skills assesses at once. Monitor continuously."),
}


@dataclass(frozen=True, slots=True)
class Score:
    """What one measurement scores: the points of each part, and which parts are missing."""

    points: dict[str, int]
    missing: tuple[str, ...]

    @property
    def total(self) -> int:
        """The points together; with parts missing, what the score is at least."""
        return sum(self.points.values())

    @property
    def is_whole(self) -> bool:
        """Whether all seven parts are there."""
        return not self.missing

    @property
    def risk(self) -> Risk:
        """The clinical risk; with parts missing, what it is at least."""
        if self.total >= 7:
            return Risk.HIGH
        if self.total >= 5:
            return Risk.MEDIUM
        return Risk.LOW_MEDIUM if 3 in self.points.values() else Risk.LOW


def applies(born_on: date, on: date) -> bool:
    """Tell whether the score is made for somebody of this age."""
    return years_between(born_on, on) >= YOUNGEST


def score(measurement: Any) -> Score:
    """Return the score of a measurement: a row of `vital_signs`, or anything with its columns."""
    points: dict[str, int] = {}
    for sign in PARTS:
        value = getattr(measurement, sign.value)
        if value is not None:
            points[sign.value] = _points(_bands_of(sign, measurement), value)
    if measurement.on_oxygen is not None:
        points[OXYGEN] = 2 if measurement.on_oxygen else 0
    if measurement.consciousness is not None:
        points[CONSCIOUSNESS] = 0 if measurement.consciousness == Consciousness.ALERT else 3
    every = (*(sign.value for sign in PARTS), OXYGEN, CONSCIOUSNESS)
    return Score(points, tuple(name for name in every if name not in points))


def _bands_of(sign: VitalSign, measurement: Any) -> Bands:
    if sign is not VitalSign.SPO2:
        return BANDS[sign]
    if measurement.spo2_scale != 2:
        return SPO2_SCALE_1
    return SPO2_SCALE_2_OXYGEN if measurement.on_oxygen else SPO2_SCALE_2_AIR


def _points(bands: Bands, value: Decimal | int) -> int:
    return next(points for highest, points in bands if highest is None or Decimal(value) <= Decimal(highest))
