"""Entering results: a draft of values and findings that others verify, and the draft that corrects a verified one.

Everybody who ever changed something in a draft is kept with it, and who entered a value with the value, so that nobody
verifies what they wrote themselves, whoever was last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.access.reach import authorise
from app.domain.identity.permissions import ENTER_RESULTS
from app.domain.laboratory.errors import SINCE, NotThatFar, verified_is_final
from app.domain.laboratory.models import Flag, ItemStatus, LabKind, LabOrderItem, LabReport, LabResult
from app.domain.laboratory.noting import note
from app.domain.laboratory.ordering import hold_item
from app.domain.laboratory.rules import Measure, Reading, flag_of, may_be_critical
from app.domain.laboratory.standing import Standing, gather, reading_of
from app.tenancy.binding import needs_revision

LONGEST_FINDINGS = 10_000
_CARRIED = ("name", "unit", "comparator", "value", "text", "flag", "range_low", "range_high", "position")


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found: values by analyte, and words; `correction_reason` where it corrects what is verified.

    `called_critical` is said by who enters it, for what has no limits to be compared with: images, cultures.
    """

    values: Mapping[UUID, Reading] = field(default_factory=dict)
    findings: str | None = None
    interpretation: str | None = None
    correction_reason: str | None = None
    called_critical: bool = False


@dataclass(frozen=True, slots=True)
class Entering:
    """What somebody enters for an ordered test whose row they hold, and how it stood before."""

    actor: Actor
    item: LabOrderItem
    entry: Entry
    standing: Standing


def enter_results(actor: Actor, item_id: UUID, version: int, entry: Entry) -> LabReport:
    """Write down what was found, as a draft for somebody else to verify; what is left out is taken out.

    What changes nothing leaves no trace. Raises LabOrderNotFound, PatientOutOfReach, StaleVersion, NotThatFar where
    nothing was collected or all is over, InvalidValue where nothing was entered or a correction says no reason.
    """
    needs_revision(SINCE)
    item = hold_item(item_id)
    actor = authorise(actor, item.patient_id, ENTER_RESULTS)
    if item.version != version:
        raise StaleVersion
    return write_entries([Entering(actor, item, entry, gather([item])[item.id])])[0]


def write_entries(entered: Sequence[Entering]) -> list[LabReport]:
    """Write down what was found for ordered tests that the caller holds and has authorised; raises as entering does."""
    for one in entered:
        check_entry(one.item, one.entry, one.standing)
    drafts = [_draft_of(one) for one in entered]
    db.session.flush()
    changed = [_write(one, draft) for one, draft in zip(entered, drafts, strict=True)]
    with verified_is_final():
        db.session.flush()
    for one, draft, has_changed in zip(entered, drafts, changed, strict=True):
        if has_changed:
            note(one.actor, "record", draft, item=str(one.item.id), number=draft.number)
    return drafts


def check_entry(item: LabOrderItem, entry: Entry, standing: Standing) -> None:
    """Refuse what cannot be entered: raises NotThatFar or InvalidValue."""
    if not entry.values and not entry.findings:
        raise InvalidValue(_l("Enter at least one value, or what was found."), field="findings")
    for name in ("findings", "interpretation", "correction_reason"):
        if len(getattr(entry, name) or "") > LONGEST_FINDINGS:
            raise InvalidValue(_l("This text is too long."), field=name)
    if not can_enter(item):
        raise NotThatFar
    if standing.newest is not None and standing.draft is None and not entry.correction_reason:
        raise InvalidValue(_l("Say why the verified result is corrected."), field="correction_reason")


def can_enter(item: LabOrderItem) -> bool:
    """Tell whether results can be entered for an ordered test as it stands."""
    if item.status is ItemStatus.CANCELLED:
        return False
    return item.kind is LabKind.IMAGING or item.status is not ItemStatus.ORDERED


def _draft_of(one: Entering) -> LabReport:
    """Return the draft to write in: the one that there is, the first one, or the next version with its reason."""
    if one.standing.draft is not None:
        return one.standing.draft
    newest, item, actor = one.standing.newest, one.item, one.actor
    assert actor.id is not None
    report = LabReport(
        id=new_id(),
        item_id=item.id,
        order_id=item.order_id,
        patient_id=item.patient_id,
        ordered_by=one.standing.ordered_by,
        number=newest.number + 1 if newest else 1,
        parent_id=newest.id if newest else None,
        correction_reason=one.entry.correction_reason if newest else None,
        observed_at=one.standing.observed_at,
        entered_by=actor.id,
        entered_at=clock.now(),
        contributors=[actor.id],
        created_by=actor.id,
    )
    db.session.add(report)
    return report


def _write(one: Entering, report: LabReport) -> bool:
    """Bring the draft to what was entered; False where it was so already."""
    is_new = one.standing.draft is None
    has_new_words = _write_words(report, one.entry)
    rows, has_new_values = _write_values(one, report)
    if not (is_new or has_new_words or has_new_values):
        return False
    actor, measures = one.actor, one.standing.retired | one.standing.measures
    assert actor.id is not None
    report.has_critical = report.called_critical or any(_is_critical(row, measures) for row in rows.values())
    report.has_abnormal = any(row.flag not in (None, Flag.NORMAL) for row in rows.values())
    report.not_measured = [measure.name for key, measure in one.standing.measures.items() if key not in rows]
    report.entered_by, report.entered_at, report.updated_by = actor.id, clock.now(), actor.id
    report.contributors = list(dict.fromkeys((*report.contributors, actor.id)))
    one.item.status, one.item.updated_by, one.item.updated_at = ItemStatus.ENTERED, actor.id, clock.now()
    return True


def _write_words(report: LabReport, entry: Entry) -> bool:
    words = {
        "findings": entry.findings or None,
        "interpretation": entry.interpretation or None,
        "called_critical": entry.called_critical,
    }
    if report.number > 1 and entry.correction_reason:
        words["correction_reason"] = entry.correction_reason
    changed = [name for name, value in words.items() if (getattr(report, name) or None) != (value or None)]
    for name in changed:
        setattr(report, name, words[name])
    return bool(changed)


def _write_values(one: Entering, report: LabReport) -> tuple[dict[UUID, LabResult], bool]:
    """Bring the values to what was entered; return them, and whether any changed.

    A value that stays keeps who entered it. What is not measured any more has no field: it stays, or is carried over.
    """
    standing, wanted = one.standing, one.entry.values
    rows = {key: row for key, row in standing.rows.items() if key not in standing.measures}
    own = {key: row for key, row in standing.rows.items() if key in standing.measures}
    if standing.draft is None:
        rows, own = {key: _carry(one.actor, report, row) for key, row in rows.items()}, {}
    gone = [row for key, row in own.items() if key not in wanted]
    for row in gone:
        db.session.delete(row)
    changed = bool(gone)
    for key in wanted.keys() & standing.measures.keys():
        rows[key], is_other = _write_one(one.actor, report, standing.measures[key], wanted[key], own.get(key))
        changed = changed or is_other
    return rows, changed


def _write_one(
    actor: Actor, report: LabReport, measure: Measure, reading: Reading, row: LabResult | None
) -> tuple[LabResult, bool]:
    assert actor.id is not None
    if row is not None and reading_of(row) == reading:
        return row, False
    if row is None:
        row = _new_row(report, measure.analyte_id)
    row.name, row.unit, row.position = measure.name, measure.unit, measure.position
    row.value, row.text, row.comparator = reading.value, reading.text, reading.comparator
    row.flag = flag_of(measure, reading)
    row.range_low, row.range_high = measure.usual
    row.entered_by, row.entered_at = actor.id, clock.now()
    return row, True


def _carry(actor: Actor, report: LabReport, before: LabResult) -> LabResult:
    """Take a value of the version before over as it is: under the name, unit and range of its day."""
    assert actor.id is not None
    row = _new_row(report, before.analyte_id)
    for name in _CARRIED:
        setattr(row, name, getattr(before, name))
    row.entered_by, row.entered_at = actor.id, clock.now()
    return row


def _new_row(report: LabReport, analyte_id: UUID) -> LabResult:
    row = LabResult(report_id=report.id, analyte_id=analyte_id, patient_id=report.patient_id)
    row.observed_at = report.observed_at
    db.session.add(row)
    return row


def _is_critical(row: LabResult, measures: Mapping[UUID, Measure]) -> bool:
    if row.flag is not None and row.flag.is_critical:
        return True
    return may_be_critical(measures[row.analyte_id], reading_of(row))
