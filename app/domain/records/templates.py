"""Templates of notes: texts that a speciality begins with, kept by the hospital and put into a draft by a doctor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.access.fields import may_write
from app.domain.audit.operations import record_change
from app.domain.identity.models import StaffUser
from app.domain.organisation.models import Department
from app.domain.records.drafts import hold_draft, touch
from app.domain.records.models import MedicalRecord, RecordTemplate
from app.domain.records.rules import NOTE_FIELDS, Note, check_length, note_from

LONGEST_NAME = 120
MOST_OFFERED = 50


class TemplateNotFound(NotFound):
    title = _l("Template not found")
    default_message = _l("This hospital has no such template.")


class StaleTemplate(StaleVersion):
    """Somebody else has changed the template; `theirs` is how it stands now."""

    def __init__(self, theirs: Any) -> None:
        self.theirs = theirs
        super().__init__()


@dataclass(frozen=True, slots=True)
class TemplateValues:
    """What a template consists of."""

    name: str
    department_id: UUID | None
    note: Note


def list_templates() -> list[Any]:
    """Return all templates, those in use first, by department and name."""
    order = (RecordTemplate.retired_at.is_not(None), Department.position.asc().nulls_last(), RecordTemplate.name)
    return list(db.session.execute(_templates().order_by(*order).limit(500)).all())


def offered_templates(department_id: UUID) -> list[Any]:
    """Return the templates in use for a department, its own before everybody's."""
    own = RecordTemplate.department_id == department_id
    query = (
        sa.select(RecordTemplate.id, RecordTemplate.name)
        .where(RecordTemplate.retired_at.is_(None), sa.or_(own, RecordTemplate.department_id.is_(None)))
        .order_by(RecordTemplate.department_id.is_(None), RecordTemplate.name)
        .limit(MOST_OFFERED)
    )
    return list(db.session.execute(query).all())


def get_template(template_id: UUID) -> Any:
    """Return a template with its department and who changed it last; raises TemplateNotFound."""
    row = db.session.execute(_templates().where(RecordTemplate.id == template_id)).one_or_none()
    if row is None:
        raise TemplateNotFound
    return row


def create_template(actor: Actor, values: TemplateValues) -> RecordTemplate:
    """Make a template; raises InvalidValue for a name that another one in use has, or that is empty."""
    template = RecordTemplate(created_by=actor.id, updated_by=actor.id, **_checked(values))
    _keep(template)
    _record(actor, "record_template.create", template, ["name"])
    return template


def update_template(actor: Actor, template_id: UUID, version: int, values: TemplateValues) -> RecordTemplate:
    """Change a template; notes made from it stay as they are. Raises StaleTemplate, InvalidValue."""
    template, wanted = _hold(template_id, version), _checked(values)
    changed = [name for name, value in wanted.items() if getattr(template, name) != value]
    if changed:
        for name in changed:
            setattr(template, name, wanted[name])
        template.updated_at, template.updated_by = clock.now(), actor.id
        _keep(template)
        _record(actor, "record_template.update", template, changed)
    return template


def retire_template(actor: Actor, template_id: UUID, version: int, *, back: bool = False) -> RecordTemplate:
    """Offer a template no longer, or again; raises StaleTemplate, or InvalidValue where its name is taken."""
    template = _hold(template_id, version)
    template.retired_at = None if back else clock.now()
    template.updated_at, template.updated_by = clock.now(), actor.id
    _keep(template)
    _record(actor, "record_template.enable" if back else "record_template.disable", template, ["retired_at"])
    return template


def insert_template(actor: Actor, record_id: UUID, template_id: UUID) -> MedicalRecord:
    """Put a template's texts below those of a draft; a text that is there already is not put there twice.

    Raises NotTreatingDoctor, SignedIsFinal, TemplateNotFound, or CannotSign for what would become too long.
    """
    record, template = hold_draft(actor, record_id), get_template(template_id)
    stored, offered = note_from(record), note_from(template)
    note = replace(
        stored,
        **{
            name: _joined(getattr(stored, name), getattr(offered, name))
            for name in NOTE_FIELDS
            if may_write(actor, f"record.{name}")
        },
    ).normalised()
    check_length(note)
    changed = [name for name in NOTE_FIELDS if getattr(note, name) != getattr(stored, name)]
    for name in changed:
        setattr(record, name, getattr(note, name))
    touch(actor, record)
    record_change(
        actor,
        "record.insert_template",
        subject_type="medical_record",
        subject_id=record.id,
        patient_id=record.patient_id,
        changes={"fields": changed, "template_id": str(template_id)},
    )
    return record


def _joined(present: str, added: str) -> str:
    if not added or added in present:
        return present
    return f"{present}\n\n{added}" if present else added


def _checked(values: TemplateValues) -> dict[str, Any]:
    name, note = " ".join(values.name.split()), values.note.normalised()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidValue(_l("Write a name of at most %(most)s characters.", most=LONGEST_NAME), field="name")
    if note == Note():
        raise InvalidValue(_l("Write at least one of the texts."), field=NOTE_FIELDS[0])
    check_length(note)
    texts = {name: getattr(note, name) for name in NOTE_FIELDS}
    return {"name": name, "department_id": values.department_id, **texts}


def _hold(template_id: UUID, version: int) -> RecordTemplate:
    query = sa.select(RecordTemplate).where(RecordTemplate.id == template_id).with_for_update()
    template = db.session.scalars(query).one_or_none()
    if template is None:
        raise TemplateNotFound
    if template.version != version:
        raise StaleTemplate(get_template(template_id))
    return template


def _keep(template: RecordTemplate) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(template)
            db.session.flush()
    except IntegrityError as error:
        field = "name" if "uq_record_templates_name" in str(error.orig) else "department"
        said = _l("Another template has this name.") if field == "name" else _l("Choose a department from the list.")
        raise InvalidValue(said, field=field) from None


def _templates() -> sa.Select[*tuple[Any, ...]]:
    columns: Sequence[Any] = [
        column for column in sa.inspect(RecordTemplate).columns if column.key not in ("created_by", "updated_by")
    ]
    return (
        sa.select(*columns, Department.name.label("department_name"), StaffUser.full_name.label("updated_by_name"))
        .outerjoin(Department, Department.id == RecordTemplate.department_id)
        .outerjoin(StaffUser, StaffUser.id == RecordTemplate.updated_by)
    )


def _record(actor: Actor, action: str, template: RecordTemplate, changed: list[str]) -> None:
    record_change(actor, action, subject_type="record_template", subject_id=template.id, changes={"fields": changed})
