"""How a patient wants to be written to, as the patient or the desk says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.audit.operations import record_access, record_change
from app.domain.identity.permissions import BOOK_FOR_PATIENTS
from app.domain.messages.addresses import CHOICES, find_ways
from app.domain.messages.models import Channel
from app.domain.messages.reminding import MessagePreference
from app.domain.messages.template_kinds import CONFIRMATION, OFFER, REMINDER
from app.domain.messages.templates import LOCALES
from app.domain.messages.ways import available_channels
from app.domain.patients.models import Patient

KINDS = (REMINDER, CONFIRMATION, OFFER)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What somebody chose: channels in order (none: the hospital's order), a language, and kinds switched off."""

    channels: tuple[Channel, ...] = ()
    locale: str | None = None
    muted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """Preferences as they stand, with the ways by which the patient is reached now."""

    preferences: Preferences
    version: int
    reached_by: Sequence[Channel]
    offered: Sequence[Channel]


def get_preferences(actor: Actor, patient_id: UUID) -> Standing:
    """Return how a patient wants to be written to; raises NotFound, or PatientOutOfReach."""
    patient = _get(patient_id)
    actor = authorise(actor, patient_id, BOOK_FOR_PATIENTS)
    row = db.session.get(MessagePreference, patient_id)
    chosen = Preferences() if row is None else _read(row)
    ways = find_ways([patient])[patient_id]
    record_access(actor, "preferences.view", subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    reached = [channel for channel, _ in ways.channels if channel is not Channel.CONSOLE]
    offered = [channel for channel in CHOICES if channel in available_channels() or channel in chosen.channels]
    return Standing(chosen, row.version if row else 0, reached, offered)


def change_preferences(actor: Actor, patient_id: UUID, version: int, wanted: Preferences) -> None:
    """Write down how a patient wants to be written to; raises InvalidValue, StaleVersion, or NotFound."""
    _get(patient_id)
    actor = authorise(actor, patient_id, BOOK_FOR_PATIENTS)
    _check(wanted)
    row = db.session.scalars(
        sa.select(MessagePreference).where(MessagePreference.patient_id == patient_id).with_for_update()
    ).one_or_none()
    if (row.version if row else 0) != version:
        raise StaleVersion
    before = Preferences() if row is None else _read(row)
    if row is None:
        row = MessagePreference(patient_id=patient_id, created_by=actor.id)
        db.session.add(row)
    row.channels = [channel.value for channel in wanted.channels]
    row.locale, row.muted, row.updated_by = wanted.locale, sorted(wanted.muted), actor.id
    db.session.flush()
    names = ("channels", "locale", "muted")
    record_change(
        actor,
        "preferences.change",
        subject_type="patient",
        subject_id=patient_id,
        patient_id=patient_id,
        changes={"fields": [name for name in names if getattr(before, name) != getattr(wanted, name)]},
    )


def _check(wanted: Preferences) -> None:
    if len(set(wanted.channels)) != len(wanted.channels):
        raise InvalidValue(_l("Name each way once."), field="second")
    if any(channel not in CHOICES for channel in wanted.channels):
        raise InvalidValue(field="first")
    if wanted.locale is not None and wanted.locale not in LOCALES:
        raise InvalidValue(field="locale")
    if not wanted.muted <= set(KINDS):
        raise InvalidValue(field="kinds")


def _read(row: MessagePreference) -> Preferences:
    return Preferences(tuple(Channel(each) for each in row.channels), row.locale, frozenset(row.muted))


def _get(patient_id: UUID) -> Patient:
    patient = db.session.get(Patient, patient_id)
    if patient is None or patient.deleted_at is not None:
        raise NotFound
    return patient
