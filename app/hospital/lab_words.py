"""The words in which the portal speaks of tests, specimens and results; templates see this module as `lab`."""

from __future__ import annotations

from typing import Any

from app.core.errors import Text
from app.core.i18n import _, _l
from app.domain.laboratory.models import Flag, ItemStatus, LabKind, LabPriority, ReportStatus, SpecimenKind, ValueKind
from app.domain.laboratory.rules import Release, range_words, value_words
from app.domain.laboratory.worklist import Work

STATUS: dict[ItemStatus, Text] = {
    ItemStatus.ORDERED: _l("Ordered"),
    ItemStatus.COLLECTED: _l("Specimen collected"),
    ItemStatus.ENTERED: _l("To be verified"),
    ItemStatus.VERIFIED: _l("Verified"),
    ItemStatus.CANCELLED: _l("Cancelled"),
}
STATUS_TONE: dict[ItemStatus, str] = {
    ItemStatus.ORDERED: "neutral",
    ItemStatus.COLLECTED: "info",
    ItemStatus.ENTERED: "warning",
    ItemStatus.VERIFIED: "success",
    ItemStatus.CANCELLED: "neutral",
}
REPORT_STATUS: dict[ReportStatus, Text] = {
    ReportStatus.DRAFT: _l("Not verified yet"),
    ReportStatus.VERIFIED: _l("Verified"),
    ReportStatus.CORRECTED: _l("Replaced by a newer version"),
}
KIND: dict[LabKind, Text] = {LabKind.LABORATORY: _l("Laboratory"), LabKind.IMAGING: _l("Imaging")}
PRIORITY: dict[LabPriority, Text] = {LabPriority.ROUTINE: _l("Routine"), LabPriority.URGENT: _l("Urgent")}
SPECIMEN: dict[SpecimenKind, Text] = {
    SpecimenKind.BLOOD_EDTA: _l("Blood, EDTA tube"),
    SpecimenKind.BLOOD_SERUM: _l("Blood, serum tube"),
    SpecimenKind.BLOOD_CITRATE: _l("Blood, citrate tube"),
    SpecimenKind.BLOOD_FLUORIDE: _l("Blood, fluoride tube"),
    SpecimenKind.BLOOD_CULTURE: _l("Blood culture bottle"),
    SpecimenKind.URINE: _l("Urine"),
    SpecimenKind.STOOL: _l("Stool"),
    SpecimenKind.SPUTUM: _l("Sputum"),
    SpecimenKind.SWAB: _l("Swab"),
    SpecimenKind.OTHER: _l("Other"),
}
VALUE_KIND: dict[ValueKind, Text] = {
    ValueKind.NUMBER: _l("A number"),
    ValueKind.CHOICE: _l("One of several words"),
    ValueKind.TEXT: _l("Any words"),
}
FLAG: dict[Flag, Text] = {
    Flag.NORMAL: _l("Usual"),
    Flag.LOW: _l("Low"),
    Flag.HIGH: _l("High"),
    Flag.CRITICAL_LOW: _l("Critically low"),
    Flag.CRITICAL_HIGH: _l("Critically high"),
    Flag.ABNORMAL: _l("Abnormal"),
    Flag.CRITICAL: _l("Critical"),
}
FLAG_TONE: dict[Flag, str] = {
    Flag.NORMAL: "neutral",
    Flag.LOW: "warning",
    Flag.HIGH: "warning",
    Flag.CRITICAL_LOW: "danger",
    Flag.CRITICAL_HIGH: "danger",
    Flag.ABNORMAL: "warning",
    Flag.CRITICAL: "danger",
}
WORK: dict[Work, Text] = {
    Work.COLLECT: _l("To collect"),
    Work.ENTER: _l("To enter"),
    Work.VERIFY: _l("To verify"),
}
RELEASE: dict[Release, Text] = {
    Release.AT_ONCE: _l("As soon as it is verified"),
    Release.AFTER_HOURS: _l("Some hours after it is verified"),
    Release.AFTER_REVIEW: _l("Once a doctor has reviewed it"),
}


def value(row: Any) -> str:
    """Say a value without its unit."""
    return value_words(row.value, row.text, row.comparator)


def usual(row: Any) -> str:
    """Say the range that a value was compared with."""
    return range_words(row.range_low, row.range_high)


def not_compared(row: Any) -> str:
    """Say of a value without a flag that it cannot be compared, where there was something to compare it with."""
    compared = row.range_low is not None or row.range_high is not None or row.comparator is not None
    return _("Cannot be compared") if compared else ""


def between(low: Any, high: Any) -> str:
    """Say a range of the catalogue."""
    return range_words(low, high)


def days(count: int) -> str:
    """Say an age of the catalogue: in days below two months, in months below two years, else in years."""
    if count < 61:
        return _("%(count)s days", count=count)
    if count < 731:
        return _("%(count)s months", count=round(count / 30.4375))
    return _("%(count)s years", count=round(count / 365.25))
