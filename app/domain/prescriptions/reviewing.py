"""A prescription held against what the hospital knows: its warnings, and the reasons that answer them.

Everybody's allergies count here, also where a role does not show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.audit.operations import record_change
from app.domain.patients.models import Patient, PatientAllergy
from app.domain.prescriptions.checks import (
    Interaction,
    Prescribed,
    Warned,
    by_gravity,
    find_cancelled,
    find_uncompared,
    find_warnings,
    ingredient_keys,
    list_unnamed,
)
from app.domain.prescriptions.errors import PrescribesForDeceased, UnansweredWarnings
from app.domain.prescriptions.models import (
    IngredientInteraction,
    Medicine,
    Prescription,
    PrescriptionItem,
    PrescriptionOverride,
    PrescriptionStatus,
)
from app.domain.prescriptions.queries import list_items
from app.domain.prescriptions.substances import ingredients_of
from app.domain.records.drafts import hold_draft, touch
from app.domain.records.models import MedicalRecord

LONGEST_REASON = 500
MOST_RUNNING = 100


@dataclass(frozen=True, slots=True)
class Review:
    """What a prescription is warned of, and the answers by the warnings' keys."""

    warnings: list[Warned]
    reasons: dict[str, str]

    @property
    def unanswered(self) -> list[Warned]:
        """Return what must be answered before signing."""
        return [warned for warned in self.warnings if warned.needs_reason and warned.key not in self.reasons]


def review_prescription(record_id: UUID, patient_id: UUID, items: Sequence[Any]) -> Review:
    """Return the warnings of what is prescribed with a record; `items` are its rows of `list_items`."""
    if not items:
        return Review([], {})
    prescribed = [Prescribed.of(row) for row in items]
    running = _list_running(record_id, patient_id)
    keys = ingredient_keys((*prescribed, *running))
    allergies = _list_allergies(patient_id)
    warnings = by_gravity(
        [
            *find_warnings(prescribed, running, allergies, _interactions_among(keys)),
            *_find_uncompared(allergies),
            *_find_cancelled(record_id, items),
        ]
    )
    return Review(warnings, _list_reasons(record_id) if any(one.needs_reason for one in warnings) else {})


def check_can_prescribe(record_id: UUID, patient_id: UUID) -> None:
    """Refuse to sign for somebody who has died, or over a grave warning; an empty prescription passes.

    Raises PrescribesForDeceased or UnansweredWarnings.
    """
    items = list_items(record_id)
    if not items:
        return
    refuse_deceased(patient_id)
    _hold_before(record_id)
    review = review_prescription(record_id, patient_id, items)
    if review.unanswered:
        raise UnansweredWarnings
    _forget_others(record_id, {warned.key for warned in review.warnings})


def refuse_deceased(patient_id: UUID) -> None:
    """Raise PrescribesForDeceased for somebody who has died."""
    died = db.session.scalar(sa.select(Patient.deceased_on).where(Patient.id == patient_id))
    if died is not None:
        raise PrescribesForDeceased


def override_warnings(actor: Actor, record_id: UUID, keys: Iterable[str], reason: str) -> None:
    """Answer warnings of a draft with the reason why it is prescribed all the same; raises InvalidValue."""
    record, reason, wanted = hold_draft(actor, record_id), reason.strip(), set(keys)
    items = list_items(record_id)
    chosen = [one for one in review_prescription(record_id, record.patient_id, items).unanswered if one.key in wanted]
    if not chosen:
        raise InvalidValue(_l("Choose the warnings that your reason answers."), field="override_reason")
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidValue(_l("Write the reason, in at most 500 characters."), field="override_reason")
    prescription_id = items[0].prescription_id
    rows = [_override(actor, prescription_id, warned, reason) for warned in chosen]
    db.session.execute(insert(PrescriptionOverride).on_conflict_do_nothing(), rows)
    touch(actor, record)
    record_change(
        actor,
        "prescription.override",
        subject_type="prescription",
        subject_id=prescription_id,
        patient_id=record.patient_id,
        changes={"overrides": [str(row["id"]) for row in rows], "kinds": sorted({one.kind.value for one in chosen})},
    )


def copy_overrides(actor: Actor, from_id: UUID, to_id: UUID) -> None:
    """Take the answers of a prescription over to the one of an amendment."""
    columns = (PrescriptionOverride.kind, PrescriptionOverride.warning_key, PrescriptionOverride.summary,
               PrescriptionOverride.reason)  # fmt: skip
    rows = db.session.execute(sa.select(*columns).where(PrescriptionOverride.prescription_id == from_id)).all()
    for row in rows:
        db.session.add(PrescriptionOverride(prescription_id=to_id, created_by=actor.id, **row._mapping))


def find_cancelled_before(record_id: UUID) -> Any:
    """Return the prescription of the version that a draft amends, where it was cancelled: code and cancel_reason."""
    query = sa.select(Prescription.code, Prescription.cancel_reason).where(
        Prescription.record_id == _parent_of(record_id), Prescription.status == PrescriptionStatus.CANCELLED
    )
    return db.session.execute(query).one_or_none()


def _hold_before(record_id: UUID) -> None:
    """Hold the prescription that a draft amends until it is signed, so that nobody cancels it meanwhile."""
    query = sa.select(Prescription.id).where(Prescription.record_id == _parent_of(record_id))
    db.session.execute(query.with_for_update())


def _parent_of(record_id: UUID) -> sa.ScalarSelect[UUID | None]:
    return sa.select(MedicalRecord.parent_id).where(MedicalRecord.id == record_id).scalar_subquery()


def list_overrides(prescription_id: UUID) -> list[Any]:
    """Return what was prescribed in spite of a warning, and why."""
    columns = (PrescriptionOverride.kind, PrescriptionOverride.summary, PrescriptionOverride.reason)
    query = sa.select(*columns).where(PrescriptionOverride.prescription_id == prescription_id)
    return list(db.session.execute(query.order_by(PrescriptionOverride.id)).all())


def _override(actor: Actor, prescription_id: UUID, warned: Warned, reason: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "prescription_id": prescription_id,
        "kind": warned.kind,
        "warning_key": warned.key,
        "summary": str(warned.message),
        "reason": reason,
        "created_by": actor.id,
    }


def _list_allergies(patient_id: UUID) -> list[str]:
    """Return the allergies as they are written, with the reactions: what people react to may stand in either."""
    query = sa.select(PatientAllergy.substance, PatientAllergy.reaction).where(
        PatientAllergy.patient_id == patient_id, PatientAllergy.deleted_at.is_(None)
    )
    rows = db.session.execute(query.order_by(PatientAllergy.substance, PatientAllergy.id))
    return [f"{row.substance}: {row.reaction}" if row.reaction else row.substance for row in rows]


def _find_uncompared(allergies: list[str]) -> list[Warned]:
    unnamed = list_unnamed(allergies)
    if not unnamed:
        return []
    rows = db.session.execute(sa.select(Medicine.name, Medicine.ingredients))
    return find_uncompared(unnamed, list({one for row in rows for one in ingredients_of(row.name, row.ingredients)}))


def _find_cancelled(record_id: UUID, items: Sequence[Any]) -> list[Warned]:
    """Warn of what an amendment copied before the prescription that it was copied from was cancelled."""
    copied = [Prescribed.of(row) for row in items if row.started_at is not None]
    former = find_cancelled_before(record_id) if copied else None
    return find_cancelled(copied, former.code, former.cancel_reason or "—") if former else []


def _list_running(record_id: UUID, patient_id: UUID) -> list[Prescribed]:
    """Return what the patient still takes of other visits: signed, not cancelled, and not for that many days yet.

    Of a prescription that is being renewed, only what stands on the draft again is left out.
    """
    this, draft, again = aliased(MedicalRecord), aliased(Prescription), aliased(PrescriptionItem)
    series = sa.select(this.series_id).where(this.id == record_id).scalar_subquery()
    renewed = sa.exists().where(
        draft.record_id == record_id,
        draft.renewed_from_id == Prescription.id,
        again.prescription_id == draft.id,
        again.medicine_id == PrescriptionItem.medicine_id,
    )
    began = sa.func.coalesce(PrescriptionItem.started_at, Prescription.signed_at)
    query = (
        sa.select(
            PrescriptionItem.medicine_id, PrescriptionItem.medicine_name, Medicine.ingredients, Medicine.atc_code,
            Prescription.code,
        )
        .select_from(PrescriptionItem)
        .join(Prescription, Prescription.id == PrescriptionItem.prescription_id)
        .join(MedicalRecord, MedicalRecord.id == Prescription.record_id)
        .join(Medicine, Medicine.id == PrescriptionItem.medicine_id)
        .where(
            Prescription.patient_id == patient_id,
            Prescription.status == PrescriptionStatus.SIGNED,
            Prescription.created_at > clock.now() - sa.func.make_interval(2),
            began + sa.func.make_interval(0, 0, 0, PrescriptionItem.days) > clock.now(),
            MedicalRecord.series_id != series,
            ~renewed,
        )
        .order_by(Prescription.created_at.desc())
        .limit(MOST_RUNNING)
    )  # fmt: skip
    return [Prescribed.of(row, running=row.code) for row in db.session.execute(query)]


def _interactions_among(keys: set[str]) -> dict[tuple[str, str], Interaction]:
    if len(keys) < 2:
        return {}
    one = IngredientInteraction
    query = sa.select(one.key_a, one.key_b, one.severity, one.effect, one.advice, one.source).where(
        one.key_a.in_(keys), one.key_b.in_(keys)
    )
    return {
        (row.key_a, row.key_b): Interaction(row.severity, row.effect, row.advice, row.source)
        for row in db.session.execute(query)
    }


def _list_reasons(record_id: UUID) -> dict[str, str]:
    query = (
        sa.select(PrescriptionOverride.warning_key, PrescriptionOverride.reason)
        .join(Prescription, Prescription.id == PrescriptionOverride.prescription_id)
        .where(Prescription.record_id == record_id)
    )
    return {row.warning_key: row.reason for row in db.session.execute(query)}


def _forget_others(record_id: UUID, keys: set[str]) -> None:
    """Take off answers to warnings that are no longer there: their medicine was taken off."""
    mine = sa.select(Prescription.id).where(Prescription.record_id == record_id).scalar_subquery()
    db.session.execute(
        sa.delete(PrescriptionOverride).where(
            PrescriptionOverride.prescription_id == mine, PrescriptionOverride.warning_key.not_in(keys)
        )
    )
