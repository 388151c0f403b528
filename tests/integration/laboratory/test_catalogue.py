"""Keeping the catalogue: numbers keep their unit, limits leave a trace, and each refusal says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.db import db
from app.core.errors import InvalidValue
from app.domain.audit.models import AuditEntry
from app.domain.laboratory.keeping_catalogue import AnalyteFacts, add_range, remove_range, save_analyte
from app.domain.laboratory.models import Analyte, ValueKind
from tests.integration.laboratory.conftest import Laboratory

Bound = Callable[[str], Any]
D = Decimal


@pytest.fixture
def scratch(bound: Bound, alpha: str, laboratory: Laboratory) -> Iterator[Laboratory]:
    """Work within the hospital, and take back what was changed."""
    with bound(alpha):
        yield laboratory
        db.session.rollback()


def _facts(analyte: Analyte) -> AnalyteFacts:
    names = AnalyteFacts.__dataclass_fields__
    facts = {name: getattr(analyte, name) for name in names}
    return AnalyteFacts(**{name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()})


def _analyte(code: str) -> Analyte:
    return db.session.scalars(sa.select(Analyte).where(Analyte.code == code)).one()


def _save(laboratory: Laboratory, analyte: Analyte, **changed: Any) -> None:
    facts = replace(_facts(analyte), **changed)
    save_analyte(laboratory.doctor, analyte.test_id, facts, analyte.id, analyte.version)


def test_the_unit_stays_once_results_refer_to_it(scratch: Laboratory) -> None:
    potassium = _analyte("K")
    _save(scratch, potassium, unit="mEq/L")
    scratch.verified(K="4,1")
    for changed in ({"unit": "mmol/L"}, {"value_kind": ValueKind.TEXT}):
        with pytest.raises(InvalidValue, match="chỉ số mới") as refused:
            _save(scratch, potassium, **changed)
        assert refused.value.field == next(iter(changed))
    _save(scratch, potassium, name="Kali máu", is_active=False)


@pytest.mark.parametrize(
    "limits",
    [
        {"physical_high": D(10), "critical_low": D(11), "critical_high": None, "physical_low": None},
        {"physical_low": D(10), "critical_high": D(9), "critical_low": None, "physical_high": None},
    ],
)
def test_a_critical_limit_beyond_what_can_be_is_refused(scratch: Laboratory, limits: dict[str, Any]) -> None:
    potassium = _analyte("K")
    with pytest.raises(InvalidValue):
        _save(scratch, potassium, **limits)
    with pytest.raises(IntegrityError), db.session.begin_nested():
        db.session.execute(sa.update(Analyte).where(Analyte.id == potassium.id).values(**limits))


def test_only_a_code_that_is_anothers_is_called_so(scratch: Laboratory) -> None:
    with pytest.raises(InvalidValue) as refused:
        _save(scratch, _analyte("K"), code="NA")
    assert refused.value.field == "code"
    with pytest.raises(IntegrityError, match="decimals"):
        _save(scratch, _analyte("CL"), decimals=9)


def test_what_is_critical_is_among_the_choices_and_not_usual(scratch: Laboratory) -> None:
    smear = _analyte("AFB")
    for wrong in (("4+",), ("Âm tính",)):
        with pytest.raises(InvalidValue) as refused:
            _save(scratch, smear, critical_choices=wrong)
        assert refused.value.field == "critical_choices"
    _save(scratch, smear, critical_choices=("3+",))
    assert smear.critical_choices == ["3+"]


def test_limits_and_ranges_leave_what_they_were(scratch: Laboratory) -> None:
    potassium = _analyte("K")
    _save(scratch, potassium, critical_high=D("6.5"))
    row = add_range(scratch.doctor, _analyte("MCV").id, sex=None, ages=(0, 30), usual=(D(88), D(125)))
    remove_range(scratch.doctor, row.id)
    query = sa.select(AuditEntry.changes).where(AuditEntry.action == "lab_catalogue.change").order_by(AuditEntry.id)
    assert db.session.scalars(query).all() == [
        {"critical_high": ["6,2", "6,5"]},
        {"ranges": [None, "* 0–30: 88–125"]},
        {"ranges": ["* 0–30: 88–125", None]},
    ]
