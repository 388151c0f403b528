"""Scopes, confidentiality and fields, without a database."""

from __future__ import annotations

from itertools import product
from uuid import uuid4

import pytest

from app.core.actor import Actor, ActorKind, Basis
from app.core.permissions import Bounds, FieldAccess, Scope
from app.domain.access.fields import access_to, declare_field, list_fields, may_read, may_write
from app.domain.access.rules import Relation, bounds_from, closed_fields, ground_of, is_less_open, is_narrower, widest
from app.domain.identity.permissions import ROLE_PRESETS

EVERY_RELATION = [Relation(*values) for values in product((False, True), repeat=4)]


@pytest.mark.parametrize("relation", EVERY_RELATION)
def test_whoever_treats_may_always_see(relation: Relation) -> None:
    grounds = {ground_of(relation, scope) for scope in Scope}
    assert (grounds == {Basis.TREATING}) == relation.treating


@pytest.mark.parametrize("relation", EVERY_RELATION)
def test_a_wider_scope_never_sees_less(relation: Relation) -> None:
    seen = [ground_of(relation, scope) is not None for scope in (Scope.TREATING, Scope.DEPARTMENT, Scope.HOSPITAL)]
    assert seen == sorted(seen)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_confidential_patient_is_closed_whatever_the_scope(scope: Scope) -> None:
    relation = Relation(same_department=True, restricted=True)
    assert ground_of(relation, scope) is None
    assert ground_of(Relation(same_department=True, restricted=True, emergency=True), scope) is Basis.EMERGENCY


def test_the_ground_says_why() -> None:
    assert ground_of(Relation(same_department=True), Scope.HOSPITAL) is Basis.DEPARTMENT
    assert ground_of(Relation(), Scope.HOSPITAL) is Basis.HOSPITAL
    assert ground_of(Relation(), Scope.DEPARTMENT) is None
    assert ground_of(Relation(same_department=True), Scope.TREATING) is None
    assert ground_of(Relation(restricted=True), Scope.HOSPITAL, despite_confidentiality=True) is Basis.HOSPITAL


def test_of_several_roles_the_wider_scope_counts_for_each_permission_by_itself() -> None:
    held = ["records.view department", "records.view treating", "patients.view hospital"]
    bounds = bounds_from(uuid4(), None, held, [])
    assert bounds.scopes == {"records.view": Scope.DEPARTMENT, "patients.view": Scope.HOSPITAL}
    assert widest([]) is Scope.TREATING


def test_of_several_roles_the_most_open_field_counts_and_silence_opens_nothing() -> None:
    closed = closed_fields(
        [
            ("patient.phone", FieldAccess.HIDDEN),
            ("patient.phone", FieldAccess.READ),
            ("patient.email", FieldAccess.HIDDEN),
            ("patient.cccd", FieldAccess.HIDDEN),
            ("patient.cccd", FieldAccess.WRITE),
        ]
    )
    assert closed == {"patient.phone": FieldAccess.READ, "patient.email": FieldAccess.HIDDEN}


def test_narrower_and_less_open_are_what_they_say() -> None:
    assert is_narrower(Scope.TREATING, Scope.HOSPITAL)
    assert not is_narrower(Scope.HOSPITAL, Scope.HOSPITAL)
    assert is_less_open(FieldAccess.HIDDEN, FieldAccess.READ)
    assert not is_less_open(FieldAccess.WRITE, FieldAccess.READ)


def test_a_field_that_nobody_declared_is_a_mistake() -> None:
    actor = Actor(ActorKind.SYSTEM, None, "tests")
    with pytest.raises(KeyError):
        access_to(actor, "patient.shoe_size")
    with pytest.raises(ValueError, match="twice"):
        declare_field("patient", "cccd", "CCCD")


def test_operators_read_no_field_without_support_access() -> None:
    operator = Actor(ActorKind.OPERATOR, uuid4(), "Operator")
    assert not any(may_read(operator, field.code) for field in list_fields())
    visitor = Actor(ActorKind.OPERATOR, uuid4(), "Operator", basis=Basis.SUPPORT)
    assert all(may_read(visitor, field.code) and not may_write(visitor, field.code) for field in list_fields())


@pytest.mark.parametrize("role", ["receptionist", "administrator", "cashier", "lab_technician"])
def test_presets_without_clinical_work_read_nothing_clinical(role: str) -> None:
    preset = ROLE_PRESETS[role]
    assert not {"records.view", "records.write", "prescriptions.write", "vitals.record"} & preset.permissions
    actor = Actor(ActorKind.STAFF, uuid4(), "X", bounds=Bounds(uuid4(), closed=preset.fields))
    assert not any(may_read(actor, f"record.{name}") for name in ("complaint", "history", "assessment", "plan"))


def test_every_preset_says_something_of_every_field() -> None:
    declared = {field.code for field in list_fields()}
    assert all(set(preset.fields) == declared for preset in ROLE_PRESETS.values())
