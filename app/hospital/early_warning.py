"""The early-warning score of a measurement in words: how high, what it is made of, what is missing, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core import clock
from app.core.errors import Text
from app.core.i18n import _, _l
from app.domain.patients.queries import PatientRow
from app.domain.records.news2 import (
    CONSCIOUSNESS,
    OXYGEN,
    RESPONSES,
    RISK_WORDS,
    SOURCE,
    Risk,
    Score,
    applies,
    score,
)
from app.domain.records.vital_ranges import RANGES, VitalSign
from app.web.templates import hospital_zone

TONES = {Risk.LOW: "info", Risk.LOW_MEDIUM: "warning", Risk.MEDIUM: "warning", Risk.HIGH: "danger"}
LABELS: dict[str, Text] = {OXYGEN: _l("Breathing"), CONSCIOUSNESS: _l("Consciousness")}


@dataclass(frozen=True, slots=True)
class EarlyWarning:
    """A score as a page says it."""

    title: str
    response: Text | None
    parts: list[str]
    missing: list[str]
    tone: str
    source: str = SOURCE


def early_warning(patient: PatientRow, measurement: Any) -> EarlyWarning | None:
    """Say the score of a measurement; None for children, and where nothing of it was measured."""
    if not applies(patient.born_on, clock.today(hospital_zone())):
        return None
    found = score(measurement)
    if not found.points:
        return None
    parts = [f"{_label(name)}: {points}" for name, points in found.points.items() if points]
    if is_on_scale_2(measurement):
        parts.append(_("SpO₂ scale 2 (88–92 %)"))
    missing = [str(_label(name)) for name in found.missing]
    is_grave = found.is_whole or found.risk is not Risk.LOW
    return EarlyWarning(
        _title(found),
        RESPONSES[found.risk] if is_grave else None,
        parts,
        missing,
        TONES[found.risk] if is_grave else "info",
    )


def is_on_scale_2(measurement: Any) -> bool:
    """Tell whether a saturation was scored by the scale for a target of 88-92 %."""
    return measurement.spo2 is not None and measurement.spo2_scale == 2


def _title(found: Score) -> str:
    if found.is_whole:
        return _("NEWS2 score %(total)s: %(risk)s", total=found.total, risk=RISK_WORDS[found.risk])
    if found.risk is Risk.LOW:
        return _("NEWS2 score not complete: at least %(total)s", total=found.total)
    return _("NEWS2 score at least %(total)s: %(risk)s", total=found.total, risk=RISK_WORDS[found.risk])


def _label(name: str) -> Text:
    return LABELS[name] if name in LABELS else RANGES[VitalSign(name)].label
