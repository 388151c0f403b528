"""What a new hospital starts with before anybody works there: permissions, roles, departments, formulary."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core.db import db
from app.core.ids import new_id
from app.core.permissions import list_permissions
from app.domain import restored
from app.domain.billing.models import Service
from app.domain.billing.price_list import STARTING_SERVICES
from app.domain.identity.administrators import write_first_administrator
from app.domain.identity.models import Role, RolePermission, StaffPermission
from app.domain.identity.permissions import ROLE_PRESETS
from app.domain.identity.role_content import write_role_content
from app.domain.laboratory.starting import seed_laboratory, starting_catalogue
from app.domain.organisation.models import Department, Setting
from app.domain.prescriptions.formulary import starting_formulary
from app.domain.prescriptions.models import Medicine
from app.domain.records.models import RecordTemplate
from app.domain.records.starting_templates import STARTING_TEMPLATES
from app.tenancy.provisioning import seeds_new_hospitals, writes_administrators

DEPARTMENTS: tuple[tuple[str, str, str], ...] = (
    ("NOI", "Khoa Nội tổng quát", "General Medicine"),
    ("NHI", "Khoa Nhi", "Paediatrics"),
    ("SAN", "Khoa Phụ sản", "Obstetrics and Gynaecology"),
    ("NGOAI", "Khoa Ngoại", "Surgery"),
    ("TIM", "Khoa Tim mạch", "Cardiology"),
    ("TMH", "Khoa Tai Mũi Họng", "Ear, Nose and Throat"),
)

# Monday is 1. What is not said here, such as holidays, a hospital adds for itself.
SETTINGS: dict[str, dict[str, Any]] = {
    "opening_hours": {"days": [1, 2, 3, 4, 5, 6], "from": "07:00", "to": "17:00"},
}


def register() -> None:
    """Have every new hospital start with the presets, and given its first administrator."""
    seeders = (
        seed_permissions,
        _seed_roles,
        seed_settings,
        seed_departments,
        seed_templates,
        seed_services,
        seed_formulary,
        seed_laboratory,
    )
    seeds_new_hospitals(seeders, presets_digest)
    writes_administrators(write_first_administrator)
    restored.register()


@cache
def presets_digest() -> str:
    """Return a digest of all that the seeders write."""
    roles = {code: (p.name, sorted(p.permissions), p.scope, p.fields) for code, p in ROLE_PRESETS.items()}
    medicines = [asdict(entry) for entry in starting_formulary()]
    services = [asdict(entry) for entry in STARTING_SERVICES]
    templates = [asdict(entry) for entry in STARTING_TEMPLATES]
    permissions = sorted(permission.code for permission in list_permissions("hospital"))
    facts = (permissions, templates, roles, SETTINGS, DEPARTMENTS, services, medicines, starting_catalogue())
    return sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def seed_permissions() -> None:
    """Write the registry of the staff's permissions into the hospital, so that roles can refer to it."""
    rows = [{"code": permission.code} for permission in list_permissions("hospital")]
    db.session.execute(insert(StaffPermission).on_conflict_do_nothing(), rows)


def give_new_permissions() -> set[str]:
    """Make permissions known that came with a release, and give each to the preset roles that carry it; return them.

    Each is given once, when the hospital does not know it yet, so that its own changes to the roles stay.
    """
    known = set(db.session.scalars(sa.select(StaffPermission.code)))
    new = {permission.code for permission in list_permissions("hospital")} - known
    if not new:
        return new
    seed_permissions()
    roles = db.session.execute(sa.select(Role.code, Role.id).where(Role.code.in_(ROLE_PRESETS))).all()
    given = [
        {"role_id": role.id, "permission_code": code}
        for role in roles
        for code in sorted(ROLE_PRESETS[role.code].permissions & new)
    ]
    if given:
        db.session.execute(insert(RolePermission).on_conflict_do_nothing(), given)
    return new


def has_new_presets() -> bool:
    """Where this release knows permissions or roles that the hospital does not."""
    known = set(db.session.scalars(sa.select(StaffPermission.code)))
    roles = set(db.session.scalars(sa.select(Role.code)))
    return any(entry.code not in known for entry in list_permissions("hospital")) or not roles >= set(ROLE_PRESETS)


def seed_roles() -> list[str]:
    """Give the hospital the preset roles that it does not have yet, and return them; its own changes to others stay."""
    present = set(db.session.scalars(sa.select(Role.code)))
    missing = [code for code in ROLE_PRESETS if code not in present]
    for code in missing:
        preset = ROLE_PRESETS[code]
        role = Role(code=code, name=preset.name, scope=preset.scope)
        db.session.add(role)
        db.session.flush()
        write_role_content(role.id, preset.permissions, preset.fields)
    return missing


def _seed_roles() -> None:
    seed_roles()


def seed_settings() -> None:
    """Give the hospital its first settings."""
    rows = [{"key": key, "value": value} for key, value in SETTINGS.items()]
    db.session.execute(insert(Setting).on_conflict_do_nothing(), rows)


def seed_services() -> None:
    """Give the hospital the lines of its price list; it sets the prices."""
    rows = [{"id": new_id(), "position": position, **asdict(entry)} for position, entry in enumerate(STARTING_SERVICES)]
    db.session.execute(insert(Service).on_conflict_do_nothing(index_elements=["code"]), rows)


def seed_departments() -> None:
    """Give the hospital its first departments."""
    rows = [
        {"id": new_id(), "code": code, "name": name, "name_en": name_en, "position": position}
        for position, (code, name, name_en) in enumerate(DEPARTMENTS)
    ]
    db.session.execute(insert(Department).on_conflict_do_nothing(index_elements=["code"]), rows)


def seed_templates() -> None:
    """Give the hospital its first templates of notes, each to the department that has its code."""
    departments = {row.code: row.id for row in db.session.execute(sa.select(Department.code, Department.id))}
    rows = [
        {
            "id": new_id(),
            "name": entry.name,
            "department_id": departments.get(entry.department or ""),
            "history": entry.history,
            "examination": entry.examination,
            "assessment": entry.assessment,
            "plan": entry.plan,
        }
        for entry in STARTING_TEMPLATES
    ]
    in_use = RecordTemplate.retired_at.is_(None)
    wanted = insert(RecordTemplate).on_conflict_do_nothing(index_elements=["name"], index_where=in_use)
    db.session.execute(wanted, rows)


def seed_formulary() -> None:
    """Give the hospital the starting formulary."""
    rows = [{"id": new_id(), **asdict(entry)} for entry in starting_formulary()]
    db.session.execute(insert(Medicine).on_conflict_do_nothing(index_elements=["code"]), rows)
