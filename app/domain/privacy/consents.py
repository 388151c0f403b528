"""Consents: reading what a patient has agreed to, giving and withdrawing, and publishing new words.

`may_use` is what every use of data for one of these purposes asks first. Law 91/2025/QH15, article 9: a consent is for
a stated purpose, in words that were read, provable, never assumed; what fulfils an agreement with the patient needs
none, and is refused as easily.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import Conflict, InvalidValue, NotFound
from app.core.i18n import _l
from app.domain.audit.operations import record_access, record_change
from app.domain.patients.models import Patient
from app.domain.privacy.models import (
    ConsentBasis,
    ConsentDecision,
    ConsentPurpose,
    ConsentText,
    ConsentVia,
    PatientConsent,
)

REMINDERS, SHARING, RESEARCH, PHOTOS = "reminders", "sharing", "research", "photos"
LONGEST_TITLE, LONGEST_BODY = 200, 4000


class TextChanged(Conflict):
    """The patient has read an older version than the one that stands now."""

    default_message = _l("The text has changed since you opened this page. Please read it once more.")


@dataclass(frozen=True, slots=True)
class Standing:
    """A purpose as it stands for one patient: the newest text, and the last answer."""

    purpose_id: UUID
    code: str
    basis: ConsentBasis
    text_id: UUID
    number: int
    title: str
    title_en: str
    body: str
    body_en: str
    decision: ConsentDecision | None
    at: datetime | None
    answered_number: int | None

    @property
    def is_allowed(self) -> bool:
        """Tell whether the data may be used for this now."""
        if self.basis is ConsentBasis.AGREEMENT:
            return self.decision is not ConsentDecision.WITHDRAWN
        return self.decision is ConsentDecision.GIVEN and self.answered_number == self.number

    @property
    def asks(self) -> bool:
        """Tell whether the patient is to be asked: never answered, or agreed to an older text."""
        if self.decision is None:
            return True
        return self.decision is ConsentDecision.GIVEN and self.answered_number != self.number


def may_use(patient_id: UUID, purpose: str) -> bool:
    """Tell whether a patient's data may be used for a purpose at this moment; an unknown purpose never may."""
    return patient_id in list_allowed([patient_id], purpose)


def list_allowed(patient_ids: Collection[UUID], purpose: str) -> set[UUID]:
    """Return of which of these patients data may be used for a purpose at this moment: two queries for any number."""
    query = (
        sa.select(ConsentPurpose.id, ConsentPurpose.basis, sa.func.max(ConsentText.number).label("number"))
        .join(ConsentText, ConsentText.purpose_id == ConsentPurpose.id)
        .where(ConsentPurpose.code == purpose, ConsentPurpose.is_active)
        .group_by(ConsentPurpose.id)
    )
    asked = db.session.execute(query).one_or_none()
    if asked is None:
        return set()
    last = (
        sa.select(PatientConsent.patient_id, PatientConsent.decision, ConsentText.number)
        .join(ConsentText, ConsentText.id == PatientConsent.text_id)
        .where(PatientConsent.patient_id.in_(patient_ids), PatientConsent.purpose_id == asked.id)
        .ext(distinct_on(PatientConsent.patient_id))
        .order_by(PatientConsent.patient_id, PatientConsent.sequence.desc())
    )
    answers = {row.patient_id: (row.decision, row.number) for row in db.session.execute(last)}
    if asked.basis is ConsentBasis.AGREEMENT:
        return {one for one in patient_ids if answers.get(one, (None, 0))[0] is not ConsentDecision.WITHDRAWN}
    return {one for one in patient_ids if answers.get(one) == (ConsentDecision.GIVEN, asked.number)}


def list_standing(patient_id: UUID) -> list[Standing]:
    """Return every purpose in force with what this patient has last said: one query."""
    newest = (
        sa.select(ConsentText)
        .ext(distinct_on(ConsentText.purpose_id))
        .order_by(ConsentText.purpose_id, ConsentText.number.desc())
    ).subquery("newest")
    last = (
        sa.select(
            PatientConsent.purpose_id,
            PatientConsent.decision,
            PatientConsent.at,
            ConsentText.number.label("answered_number"),
        )
        .join(ConsentText, ConsentText.id == PatientConsent.text_id)
        .where(PatientConsent.patient_id == patient_id)
        .ext(distinct_on(PatientConsent.purpose_id))
        .order_by(PatientConsent.purpose_id, PatientConsent.sequence.desc())
    ).subquery("last")
    query = (
        sa.select(
            ConsentPurpose.id,
            ConsentPurpose.code,
            ConsentPurpose.basis,
            newest.c.id,
            newest.c.number,
            newest.c.title,
            newest.c.title_en,
            newest.c.body,
            newest.c.body_en,
            last.c.decision,
            last.c.at,
            last.c.answered_number,
        )
        .join(newest, newest.c.purpose_id == ConsentPurpose.id)
        .outerjoin(last, last.c.purpose_id == ConsentPurpose.id)
        .where(ConsentPurpose.is_active)
        .order_by(ConsentPurpose.position, ConsentPurpose.code)
    )
    return [Standing(*row) for row in db.session.execute(query)]


def open_consents(actor: Actor, patient_id: UUID, *, own: bool = False) -> list[Standing]:
    """Return the purposes for somebody to look at, and write down that they did."""
    action = "own.consents" if own else "consent.view"
    record_access(actor, action, subject_type="patient", subject_id=patient_id, patient_ids=[patient_id])
    return list_standing(patient_id)


def list_history(patient_id: UUID, limit: int = 100) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return a patient's answers, the newest first: code, title, number, decision, at, via, recorded_by_name."""
    query = (
        sa.select(
            ConsentPurpose.code,
            ConsentText.title,
            ConsentText.title_en,
            ConsentText.number,
            PatientConsent.decision,
            PatientConsent.at,
            PatientConsent.via,
            PatientConsent.recorded_by_name,
            PatientConsent.signed_on,
        )
        .join(ConsentPurpose, ConsentPurpose.id == PatientConsent.purpose_id)
        .join(ConsentText, ConsentText.id == PatientConsent.text_id)
        .where(PatientConsent.patient_id == patient_id)
        .order_by(PatientConsent.sequence.desc())
        .limit(limit)
    )
    return db.session.execute(query).all()


def answer(
    actor: Actor,
    patient_id: UUID,
    purpose: str,
    decision: ConsentDecision,
    number: int,
    *,
    via: ConsentVia = ConsentVia.PORTAL,
    signed_on: datetime | None = None,
) -> bool:
    """Write down a patient's answer; False where it is what stands already. Raises NotFound, TextChanged.

    A yes is to the version that was read. A withdrawal counts whatever version stands, from this moment on.
    """
    if db.session.scalar(sa.select(Patient.id).where(Patient.id == patient_id, Patient.deleted_at.is_(None))) is None:
        raise NotFound
    standing = next((entry for entry in list_standing(patient_id) if entry.code == purpose), None)
    if standing is None:
        raise NotFound
    if decision is ConsentDecision.GIVEN and standing.number != number:
        raise TextChanged
    if standing.decision is decision and standing.answered_number == standing.number:
        return False
    row = PatientConsent(
        patient_id=patient_id,
        purpose_id=standing.purpose_id,
        text_id=standing.text_id,
        decision=decision,
        via=via,
        recorded_by=actor.id,
        recorded_by_name=actor.name,
        signed_on=signed_on,
    )
    db.session.add(row)
    db.session.flush()
    record_change(
        actor,
        "consent.give" if decision is ConsentDecision.GIVEN else "consent.withdraw",
        subject_type="patient_consent",
        subject_id=row.id,
        patient_id=patient_id,
        changes={"purpose": purpose, "version": standing.number, "via": via.value},
        event={"patient_id": str(patient_id), "purpose": purpose},
    )
    return True


def list_texts() -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return the newest text of every purpose: code, basis, number, title, title_en, body, body_en, published_at."""
    query = (
        sa.select(
            ConsentPurpose.code,
            ConsentPurpose.basis,
            ConsentPurpose.position,
            ConsentText.number,
            ConsentText.title,
            ConsentText.title_en,
            ConsentText.body,
            ConsentText.body_en,
            ConsentText.published_at,
        )
        .join(ConsentText, ConsentText.purpose_id == ConsentPurpose.id)
        .ext(distinct_on(ConsentPurpose.position, ConsentPurpose.code))
        .order_by(ConsentPurpose.position, ConsentPurpose.code, ConsentText.number.desc())
    )
    return db.session.execute(query).all()


def publish_text(actor: Actor, purpose: str, number: int, *, title: str, title_en: str, body: str, body_en: str) -> int:
    """Publish a version, which asks everybody again; return its number. Raises NotFound, TextChanged, InvalidValue."""
    found = db.session.scalar(sa.select(ConsentPurpose).where(ConsentPurpose.code == purpose).with_for_update())
    if found is None:
        raise NotFound
    newest = db.session.scalar(sa.select(sa.func.max(ConsentText.number)).where(ConsentText.purpose_id == found.id))
    if newest != number:
        raise TextChanged
    for field, text, longest in (
        ("title", title, LONGEST_TITLE),
        ("title_en", title_en, LONGEST_TITLE),
        ("body", body, LONGEST_BODY),
        ("body_en", body_en, LONGEST_BODY),
    ):
        if not text.strip() or len(text) > longest:
            raise InvalidValue(_l("Write this text; it must not be too long."), field=field)
    row = ConsentText(
        purpose_id=found.id, number=number + 1, title=title.strip(), title_en=title_en.strip(), body=body.strip(),
        body_en=body_en.strip(), published_by=actor.id, published_at=clock.now(),
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    record_change(
        actor,
        "consent.publish",
        subject_type="consent_text",
        subject_id=row.id,
        changes={"purpose": purpose, "version": [number, number + 1]},
    )
    return row.number
