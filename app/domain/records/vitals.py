"""Vital signs: measuring, voiding a wrong measurement, and the latest of a patient. Ranges are in `vital_ranges`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.access.reach import authorise
from app.domain.audit.operations import record_change
from app.domain.identity.models import StaffUser
from app.domain.identity.permissions import RECORD_VITALS
from app.domain.records.errors import SignedIsFinal, VitalsNotFound, signed_is_final
from app.domain.records.models import Consciousness, VitalSigns
from app.domain.records.vital_ranges import VitalSign, check_blood_pressure, check_plausible

LONGEST_NOTE = 500
SENT_TWICE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Observed:
    """What is seen rather than measured; None where nobody looked. Scale 2 is for a target of 88-92 % (NEWS2)."""

    on_oxygen: bool | None = None
    consciousness: Consciousness | None = None
    spo2_scale: int = 1

    @property
    def names(self) -> list[str]:
        """Which of it was said."""
        said = {"on_oxygen": self.on_oxygen, "consciousness": self.consciousness}
        return [name for name, value in said.items() if value is not None]


def record_vitals(
    actor: Actor,
    *,
    patient_id: UUID,
    appointment_id: UUID | None,
    values: Mapping[VitalSign, Decimal],
    observed: Observed = Observed(),
    note: str | None = None,
) -> VitalSigns:
    """Write down one measurement made now; the same sent twice within a minute is one.

    Raises ImplausibleVitalSign naming the field, or InvalidValue where nothing was measured or seen.
    """
    if actor.id is None:
        raise InvalidValue(_l("Only a member of staff measures vital signs."))
    if not values and not observed.names:
        raise InvalidValue(_l("Enter at least one value."), field=VitalSign.TEMPERATURE.value)
    checked = {sign: check_plausible(sign, value) for sign, value in values.items()}
    pressures = (checked.get(sign) for sign in (VitalSign.SYSTOLIC, VitalSign.DIASTOLIC))
    check_blood_pressure(*(None if value is None else int(value) for value in pressures))
    facts: dict[str, Any] = {
        "patient_id": patient_id,
        "appointment_id": appointment_id,
        "measured_by": actor.id,
        "note": (note or "").strip()[:LONGEST_NOTE] or None,
        "on_oxygen": observed.on_oxygen,
        "consciousness": observed.consciousness,
        "spo2_scale": observed.spo2_scale,
        **{sign.value: checked.get(sign) for sign in VitalSign},
    }
    actor = authorise(actor, patient_id, RECORD_VITALS)
    same = _find_same(facts)
    if same is not None:
        return same
    vitals = VitalSigns(measured_at=clock.now(), created_by=actor.id, **facts)
    db.session.add(vitals)
    db.session.flush()
    event = {"patient_id": str(patient_id), "appointment_id": str(appointment_id) if appointment_id else None}
    _record(actor, "vitals.record", vitals, sorted([*(sign.value for sign in checked), *observed.names]), event)
    return vitals


def void_vitals(actor: Actor, vitals_id: UUID, reason: str) -> VitalSigns:
    """Void a wrong measurement with a reason; it stays in the file. Raises SignedIsFinal where it was voided before."""
    vitals = db.session.scalars(sa.select(VitalSigns).where(VitalSigns.id == vitals_id).with_for_update()).one_or_none()
    if vitals is None:
        raise VitalsNotFound
    actor = authorise(actor, vitals.patient_id, RECORD_VITALS)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_NOTE:
        raise InvalidValue(_l("Write why the measurement is wrong, in at most 500 characters."), field="reason")
    if vitals.voided_at is not None:
        raise SignedIsFinal(_l("This measurement has been voided already."))
    vitals.voided_at, vitals.void_reason, vitals.updated_by = clock.now(), reason, actor.id
    with signed_is_final():
        db.session.flush()
    _record(actor, "vitals.void", vitals, ["voided_at", "void_reason"])
    return vitals


def list_vitals(patient_id: UUID, limit: int, *, with_voided: bool = False) -> list[Any]:
    """Return a patient's latest measurements, the newest first, with who measured."""
    query = _measurements().where(VitalSigns.patient_id == patient_id)
    if not with_voided:
        query = query.where(VitalSigns.voided_at.is_(None))
    newest_first = query.order_by(VitalSigns.measured_at.desc(), VitalSigns.id.desc())
    return list(db.session.execute(newest_first.limit(limit)).all())


def get_vitals(vitals_id: UUID) -> Any:
    """Return one measurement; raises VitalsNotFound."""
    row = db.session.execute(_measurements().where(VitalSigns.id == vitals_id)).one_or_none()
    if row is None:
        raise VitalsNotFound
    return row


def _find_same(facts: Mapping[str, Any]) -> VitalSigns | None:
    """Return what the same person wrote down of the same patient a moment ago; whoever asks at once comes after."""
    turn = sa.func.hashtextextended(f"vitals:{facts['patient_id']}", 0)
    lock = sa.select(sa.func.pg_advisory_xact_lock(turn))
    db.session.execute(lock, bind_arguments={"mapper": sa.inspect(VitalSigns)})
    query = sa.select(VitalSigns).where(
        *(getattr(VitalSigns, name).is_not_distinct_from(value) for name, value in facts.items()),
        VitalSigns.measured_at > clock.now() - SENT_TWICE,
        VitalSigns.voided_at.is_(None),
    )
    return db.session.scalar(query.order_by(VitalSigns.id).limit(1))


def _measurements() -> sa.Select[*tuple[Any, ...]]:
    columns = [column for column in sa.inspect(VitalSigns).columns if column.key not in ("created_by", "updated_by")]
    return sa.select(*columns, StaffUser.full_name.label("measured_by_name")).join(
        StaffUser, StaffUser.id == VitalSigns.measured_by
    )


def _record(
    actor: Actor, action: str, vitals: VitalSigns, changed: list[str], event: dict[str, Any] | None = None
) -> None:
    record_change(
        actor,
        action,
        subject_type="vital_signs",
        subject_id=vitals.id,
        patient_id=vitals.patient_id,
        changes={"fields": changed},
        event=event,
    )
