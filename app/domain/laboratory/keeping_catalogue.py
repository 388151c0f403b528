"""Keeping the catalogue: tests, their analytes with limits, ranges by sex and age, and panels.

What was reported before stays as it was: a report keeps names, units and ranges of its day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.laboratory.errors import SINCE, LabTestNotFound
from app.domain.laboratory.models import (
    Analyte,
    LabKind,
    LabPanel,
    LabPanelTest,
    LabTest,
    ReferenceRange,
    SpecimenKind,
    ValueKind,
)
from app.domain.laboratory.starting import seed_laboratory
from app.domain.patients.models import Sex
from app.tenancy.binding import needs_revision


class NotEmpty(Conflict):
    title = _l("The catalogue is not empty")
    default_message = _l("The starting catalogue is put into an empty catalogue only. Nothing was changed.")


@dataclass(frozen=True, slots=True)
class TestFacts:
    """What the hospital says of a test."""

    __test__ = False

    code: str
    name: str
    category: str
    kind: LabKind
    specimen: SpecimenKind | None
    name_en: str | None = None
    preparation: str | None = None
    turnaround_minutes: int | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class AnalyteFacts:
    """What the hospital says of an analyte."""

    code: str
    name: str
    value_kind: ValueKind
    name_en: str | None = None
    unit: str | None = None
    decimals: int = 1
    choices: tuple[str, ...] = ()
    normal_choices: tuple[str, ...] = ()
    physical_low: Decimal | None = None
    physical_high: Decimal | None = None
    critical_low: Decimal | None = None
    critical_high: Decimal | None = None
    explanation: str | None = None
    is_active: bool = True


def save_test(actor: Actor, facts: TestFacts, test_id: UUID | None = None, version: int = 0) -> LabTest:
    """Add a test or change one; raises LabTestNotFound, StaleVersion, InvalidValue where the code is another's."""
    needs_revision(SINCE)
    if (facts.kind is LabKind.IMAGING) != (facts.specimen is None):
        raise InvalidValue(_l("Imaging needs no specimen, every other test needs one."), field="specimen")
    test = LabTest(created_by=actor.id) if test_id is None else _held(LabTest, test_id, version)
    if test_id is None:
        test.position = (db.session.scalar(sa.select(sa.func.max(LabTest.position))) or 0) + 1
    _apply(actor, test, asdict(facts))
    return test


def save_analyte(
    actor: Actor, test_id: UUID, facts: AnalyteFacts, analyte_id: UUID | None = None, version: int = 0
) -> Analyte:
    """Add an analyte to a test or change one; raises what `save_test` does, or InvalidValue for limits out of order."""
    needs_revision(SINCE)
    _check_limits(facts)
    analyte = Analyte(test_id=test_id, created_by=actor.id) if analyte_id is None else _held(
        Analyte, analyte_id, version
    )  # fmt: skip
    if analyte_id is None:
        query = sa.select(sa.func.max(Analyte.position)).where(Analyte.test_id == test_id)
        analyte.position = (db.session.scalar(query) or 0) + 1
    values = {**asdict(facts), "choices": list(facts.choices), "normal_choices": list(facts.normal_choices)}
    _apply(actor, analyte, values)
    return analyte


def add_range(
    actor: Actor,
    analyte_id: UUID,
    *,
    sex: Sex | None,
    ages: tuple[int, int | None],
    usual: tuple[Decimal | None, Decimal | None],
) -> ReferenceRange:
    """Add a reference range from an age in days until before another; raises InvalidValue where one stands there."""
    needs_revision(SINCE)
    (from_days, until_days), (low, high) = ages, usual
    if low is None and high is None:
        raise InvalidValue(_l("Enter at least one limit."), field="low")
    if low is not None and high is not None and low > high:
        raise InvalidValue(_l("The lower limit is above the upper one."), field="low")
    if until_days is not None and until_days <= from_days:
        raise InvalidValue(_l("The range must end after it begins."), field="until_age")
    row = ReferenceRange(
        analyte_id=analyte_id, sex=sex, from_days=from_days, until_days=until_days, low=low, high=high,
        created_by=actor.id,
    )  # fmt: skip
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError as error:
        raise InvalidValue(
            _l("There is a range for this sex and age already. Take it out first."), field="low"
        ) from error
    _note(actor, "change", analyte_id, ["ranges"])
    return row


def remove_range(actor: Actor, range_id: UUID) -> UUID:
    """Take a reference range out, and return whose it was; raises NotFound where it is out already."""
    needs_revision(SINCE)
    query = sa.delete(ReferenceRange).where(ReferenceRange.id == range_id).returning(ReferenceRange.analyte_id)
    analyte_id = db.session.scalar(query)
    if analyte_id is None:
        raise NotFound
    _note(actor, "change", analyte_id, ["ranges"])
    return analyte_id


def save_panel(actor: Actor, code: str, name: str, test_ids: Sequence[UUID]) -> LabPanel:
    """Add a panel, or give one with this code another name and other tests; raises InvalidValue without tests."""
    needs_revision(SINCE)
    known = set(db.session.scalars(sa.select(LabTest.id).where(LabTest.id.in_(test_ids))))
    if not known:
        raise InvalidValue(_l("Choose at least one test."), field="tests")
    panel = db.session.scalars(sa.select(LabPanel).where(LabPanel.code == code).with_for_update()).one_or_none()
    if panel is None:
        place = (db.session.scalar(sa.select(sa.func.max(LabPanel.position))) or 0) + 1
        panel = LabPanel(code=code, position=place, created_by=actor.id)
    panel.is_active = True
    _apply(actor, panel, {"name": name})
    db.session.execute(sa.delete(LabPanelTest).where(LabPanelTest.panel_id == panel.id))
    db.session.add_all(LabPanelTest(panel_id=panel.id, test_id=test_id) for test_id in known)
    db.session.flush()
    return panel


def retire_panel(actor: Actor, panel_id: UUID) -> None:
    """Have a panel not be offered any more."""
    needs_revision(SINCE)
    panel = db.session.get(LabPanel, panel_id)
    if panel is None:
        raise LabTestNotFound
    _apply(actor, panel, {"is_active": False})


def start_catalogue(actor: Actor) -> None:
    """Put the starting catalogue into a hospital that has none; raises NotEmpty."""
    needs_revision(SINCE)
    if db.session.scalar(sa.select(LabTest.id).limit(1)) is not None:
        raise NotEmpty
    seed_laboratory()
    first = db.session.scalars(sa.select(LabTest.id).order_by(LabTest.position).limit(1)).one()
    _note(actor, "create", first, ["starting"])


def _held(model: Any, row_id: UUID, version: int) -> Any:
    row = db.session.scalars(sa.select(model).where(model.id == row_id).with_for_update()).one_or_none()
    if row is None:
        raise LabTestNotFound
    if row.version != version:
        raise StaleVersion
    return row


def _apply(actor: Actor, row: Any, values: dict[str, Any]) -> None:
    """Write values into a row and note which changed; raises InvalidValue where its code is another's."""
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    row.updated_by, row.updated_at = actor.id, clock.now()
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError as error:
        raise InvalidValue(_l("This code is in use already. Choose another."), field="code") from error
    _note(actor, "change", row.id, changed)


def _check_limits(facts: AnalyteFacts) -> None:
    for low, high, field, may_meet in (
        (facts.physical_low, facts.physical_high, "physical_low", False),
        (facts.critical_low, facts.critical_high, "critical_low", False),
        (facts.physical_low, facts.critical_low, "critical_low", True),
        (facts.critical_high, facts.physical_high, "critical_high", True),
    ):
        if low is not None and high is not None and (low > high or (low == high and not may_meet)):
            raise InvalidValue(
                _l("These limits are not in order: possible, critical, critical, possible."), field=field
            )
    if (facts.value_kind is ValueKind.CHOICE) != bool(facts.choices):
        raise InvalidValue(_l("Write the choices, one a line, for a value that is chosen."), field="choices")
    if not set(facts.normal_choices) <= set(facts.choices):
        raise InvalidValue(_l("What is usual must be among the choices."), field="normal_choices")


def _note(actor: Actor, verb: str, row_id: UUID, fields: list[str]) -> None:
    record_change(
        actor, f"lab_catalogue.{verb}", subject_type="lab_catalogue", subject_id=row_id, changes={"fields": fields}
    )
