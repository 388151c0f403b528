"""Keeping the catalogue: tests, their analytes with limits, ranges by sex and age, and panels.

What was reported before stays as it was: a report keeps names, units and ranges of its day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.formats.numbers import format_decimal
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.laboratory.errors import SINCE, LabTestNotFound
from app.domain.laboratory.models import (
    Analyte,
    LabKind,
    LabPanel,
    LabPanelTest,
    LabResult,
    LabTest,
    ReferenceRange,
    SpecimenKind,
    ValueKind,
)
from app.domain.laboratory.rules import range_words
from app.domain.laboratory.starting import seed_laboratory
from app.domain.patients.models import Sex
from app.tenancy.binding import needs_revision

ONE_CODE = frozenset({"uq_lab_tests_code", "uq_lab_analytes_code", "uq_lab_panels_code"})
ONE_RANGE = "ex_lab_reference_ranges_one_at_an_age"


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
    critical_choices: tuple[str, ...] = ()
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
    """Add an analyte to a test or change one.

    Raises what `save_test` does, or InvalidValue for limits out of order, and for another unit or kind of value where
    results refer to it: their numbers would be read under the new one.
    """
    needs_revision(SINCE)
    _check_limits(facts)
    analyte = Analyte(test_id=test_id, created_by=actor.id) if analyte_id is None else _held(
        Analyte, analyte_id, version
    )  # fmt: skip
    if analyte_id is None:
        query = sa.select(sa.func.max(Analyte.position)).where(Analyte.test_id == test_id)
        analyte.position = (db.session.scalar(query) or 0) + 1
    else:
        _refuse_other_unit(analyte, facts)
    values = asdict(facts)
    _apply(actor, analyte, values | {name: list(values[name]) for name in values if name.endswith("choices")})
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
        if constraint_of(error) != ONE_RANGE:
            raise
        raise InvalidValue(
            _l("There is a range for this sex and age already. Take it out first."), field="low"
        ) from error
    _note(actor, "change", analyte_id, {"ranges": [None, _range_words(row)]})
    return row


def remove_range(actor: Actor, range_id: UUID) -> UUID:
    """Take a reference range out, and return whose it was; raises NotFound where it is out already."""
    needs_revision(SINCE)
    row = db.session.scalar(sa.select(ReferenceRange).where(ReferenceRange.id == range_id).with_for_update())
    if row is None:
        raise NotFound
    db.session.delete(row)
    db.session.flush()
    _note(actor, "change", row.analyte_id, {"ranges": [_range_words(row), None]})
    return row.analyte_id


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
    gone = sa.delete(LabPanelTest).where(LabPanelTest.panel_id == panel.id).returning(LabPanelTest.test_id)
    before = set(db.session.scalars(gone))
    if before != known:
        _note(actor, "change", panel.id, {"tests": [_plain(before), _plain(known)]})
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
    _note(actor, "create", first, {"fields": ["starting"]})


def _held(model: Any, row_id: UUID, version: int) -> Any:
    row = db.session.scalars(sa.select(model).where(model.id == row_id).with_for_update()).one_or_none()
    if row is None:
        raise LabTestNotFound
    if row.version != version:
        raise StaleVersion
    return row


def _apply(actor: Actor, row: Any, values: dict[str, Any]) -> None:
    """Write values into a row and note what they were before; raises InvalidValue where its code is another's."""
    changes = {name: [_plain(getattr(row, name)), _plain(value)] for name, value in values.items()
               if getattr(row, name) != value}  # fmt: skip
    try:
        with db.session.begin_nested():  # changed inside it: what is refused leaves the unit of work usable
            for name in changes:
                setattr(row, name, values[name])
            row.updated_by, row.updated_at = actor.id, clock.now()
            db.session.add(row)
    except IntegrityError as error:
        if constraint_of(error) not in ONE_CODE:
            raise
        raise InvalidValue(_l("This code is in use already. Choose another."), field="code") from error
    _note(actor, "change", row.id, changes)


def _refuse_other_unit(analyte: Analyte, facts: AnalyteFacts) -> None:
    for name in ("unit", "value_kind"):
        if getattr(analyte, name) == getattr(facts, name):
            continue
        there = sa.exists().where(LabResult.analyte_id == analyte.id)
        if db.session.scalar(sa.select(there)):
            raise InvalidValue(
                _l("Results refer to this analyte as it is. Retire it, and add a new one with the other unit or kind."),
                field=name,
            )


def _check_limits(facts: AnalyteFacts) -> None:
    for low, high, field, may_meet in (
        (facts.physical_low, facts.physical_high, "physical_low", False),
        (facts.critical_low, facts.critical_high, "critical_low", False),
        (facts.physical_low, facts.critical_low, "critical_low", True),
        (facts.critical_high, facts.physical_high, "critical_high", True),
        (facts.critical_low, facts.physical_high, "critical_low", True),
        (facts.physical_low, facts.critical_high, "critical_high", True),
    ):
        if low is not None and high is not None and (low > high or (low == high and not may_meet)):
            raise InvalidValue(
                _l("These limits are not in order: possible, critical, critical, possible."), field=field
            )
    if (facts.value_kind is ValueKind.CHOICE) != bool(facts.choices):
        raise InvalidValue(_l("Write the choices, one a line, for a value that is chosen."), field="choices")
    if not set(facts.normal_choices) <= set(facts.choices):
        raise InvalidValue(_l("What is usual must be among the choices."), field="normal_choices")
    if not set(facts.critical_choices) <= set(facts.choices) - set(facts.normal_choices):
        raise InvalidValue(
            _l("What is critical must be among the choices, and cannot be usual."), field="critical_choices"
        )


def constraint_of(error: IntegrityError) -> str | None:
    """Return the name of the constraint that a statement broke."""
    return getattr(getattr(error.orig, "diag", None), "constraint_name", None)


def _plain(value: Any) -> Any:
    """Return a value as a log can say it."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, (list, tuple, set)):
        return "|".join(sorted(map(str, value)) if isinstance(value, set) else map(str, value))
    return format_decimal(value) if isinstance(value, Decimal) else value


def _range_words(row: ReferenceRange) -> str:
    until = "" if row.until_days is None else row.until_days
    return f"{row.sex.value if row.sex else '*'} {row.from_days}–{until}: {range_words(row.low, row.high)}"


def _note(actor: Actor, verb: str, row_id: UUID, changes: dict[str, Any]) -> None:
    record_change(actor, f"lab_catalogue.{verb}", subject_type="lab_catalogue", subject_id=row_id, changes=changes)
