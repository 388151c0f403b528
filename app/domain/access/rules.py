"""The rules of access to patients' data, without a database: scopes, confidentiality, fields, and the windows of time.

A role says what somebody may do; its scope says with whose data. Of several roles the widest scope counts, for each
permission by itself. A confidential patient is open to treating staff only, whatever the scope. (ASVS 5.0, 8.1.1,
8.2.2, 8.2.3)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.core.actor import Basis
from app.core.permissions import Bounds, FieldAccess, Scope

# Whom somebody treats: a visit to them in the last year or to come, or a record, prescription,
# measurement or order of tests by them.
TREATING_WINDOW = timedelta(days=365)
# Who is a department's patient: a visit there in the last three months or to come.
DEPARTMENT_WINDOW = timedelta(days=90)


_WIDE_FIRST = tuple(Scope)
_OPEN_FIRST = tuple(FieldAccess)


@dataclass(frozen=True, slots=True)
class Relation:
    """What connects somebody with a patient."""

    treating: bool = False
    same_department: bool = False
    restricted: bool = False
    emergency: bool = False


def widest(scopes: Iterable[Scope]) -> Scope:
    """Return the scope that includes the others; the narrowest where there is none."""
    return min(scopes, key=_WIDE_FIRST.index, default=Scope.TREATING)


def most_open(accesses: Iterable[FieldAccess]) -> FieldAccess:
    """Return the access that includes the others; writing where nobody has said anything."""
    return min(accesses, key=_OPEN_FIRST.index, default=FieldAccess.WRITE)


def is_narrower(scope: Scope, than: Scope) -> bool:
    """Tell whether a scope leaves out some of another's patients."""
    return _WIDE_FIRST.index(scope) > _WIDE_FIRST.index(than)


def is_less_open(access: FieldAccess, than: FieldAccess) -> bool:
    """Tell whether an access allows less than another."""
    return _OPEN_FIRST.index(access) > _OPEN_FIRST.index(than)


def closed_fields(rules: Iterable[tuple[str, FieldAccess]]) -> dict[str, FieldAccess]:
    """Return the fields that are not open to writing, from what all of somebody's roles say: the most open counts."""
    said: dict[str, list[FieldAccess]] = {}
    for name, access in rules:
        said.setdefault(name, []).append(access)
    decided = {name: most_open(accesses) for name, accesses in said.items()}
    return {name: access for name, access in decided.items() if access is not FieldAccess.WRITE}


def bounds_from(staff_id: UUID, department_id: UUID | None, held: Iterable[str], fields: Iterable[str]) -> Bounds:
    """Return somebody's bounds from "permission scope" and "field access" pairs, one for each that a role says."""
    scopes: dict[str, list[Scope]] = {}
    for permission, _, scope in (pair.rpartition(" ") for pair in held):
        scopes.setdefault(permission, []).append(Scope(scope))
    rules = ((name, FieldAccess(access)) for name, _, access in (pair.rpartition(" ") for pair in fields))
    return Bounds(
        staff_id, department_id, {code: widest(every) for code, every in scopes.items()}, closed_fields(rules)
    )


def ground_of(relation: Relation, scope: Scope, *, despite_confidentiality: bool = False) -> Basis | None:
    """Return on what ground somebody may see a patient's data with a permission of a scope; None where on none.

    `despite_confidentiality` is for permissions that show nothing clinical and that the house cannot work without,
    such as checking somebody in.
    """
    if relation.treating:
        return Basis.TREATING
    if not relation.restricted or despite_confidentiality:
        if relation.same_department and scope is not Scope.TREATING:
            return Basis.DEPARTMENT
        if scope is Scope.HOSPITAL:
            return Basis.HOSPITAL
    return Basis.EMERGENCY if relation.emergency else None
