"""The index of patients at the centre: it finds the hospitals that know a person, and cannot say who the person is.

Identifiers are HMAC digests, the name is encrypted. The newer version of a patient's row wins, by the hospital's own
count and never by a clock. Entries with the same CCCD, whichever their hospitals, share one global id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from app.core.crypto import BlindIndex, Keyring, Sealed
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.formats.phones import parse_phone
from app.core.ids import new_id
from app.core.sealed import declare_sealed
from app.tenancy.models import Hospital, HospitalStatus, PatientErasure, PatientIndexEntry

CARD_LENGTH = 15
SOCIAL_INSURANCE_DIGITS = 10
LOCKS = 256
LOCK_BASE = 7_311_000

COLUMNS = {
    "cccd": PatientIndexEntry.cccd_index,
    "bhyt": PatientIndexEntry.bhyt_index,
    "phone": PatientIndexEntry.phone_index,
    "email": PatientIndexEntry.email_index,
}


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What a hospital tells of a patient, on its way into the index."""

    id: UUID
    version: int
    full_name: str
    cccd: str | None
    bhyt: str | None
    phone: str | None
    email: str | None
    deactivated_at: datetime | None
    merged_into: UUID | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """A patient whom a hospital has erased or de-identified: an id, and nothing of who that was."""

    patient_id: UUID
    kind: str
    erased_at: datetime


@dataclass(frozen=True, slots=True)
class KnownAt:
    """A hospital that knows a person, and as whom."""

    hospital_id: UUID
    hospital_code: str
    hospital_name: str
    patient_id: UUID
    patient_global_id: UUID


def find_hospitals(kind: str, value: str) -> Sequence[KnownAt]:
    """Return the active hospitals that know a person by an identifier: `cccd`, `bhyt`, `phone` or `email`."""
    digest = blind(kind, value)
    if digest is None:
        return []
    entry, who = PatientIndexEntry, sa.orm.aliased(PatientIndexEntry)  # who was registered twice is found as the one
    same = sa.and_(
        who.hospital_id == entry.hospital_id, who.patient_id == sa.func.coalesce(entry.merged_into, entry.patient_id)
    )
    query = (
        sa.select(who.hospital_id, Hospital.code, Hospital.display_name, who.patient_id, who.patient_global_id)
        .select_from(entry)
        .join(who, same)
        .join(Hospital, Hospital.id == who.hospital_id)
        .where(COLUMNS[kind] == digest, who.deactivated_at.is_(None), Hospital.status == HospitalStatus.ACTIVE)
        .order_by(Hospital.display_name, who.patient_id)
        .distinct()
    )
    return [KnownAt(*row) for row in db.session.execute(query)]


def blind(kind: str, value: str | None) -> bytes | None:
    """Return the digest of an identifier, in the one form that all ways of writing it share; None for none."""
    written = "".join((value or "").split())
    if not written:
        return None
    if kind == "phone":
        try:
            written = parse_phone(written)
        except InvalidValue:
            return None
    elif kind == "email":
        written = written.casefold()
    else:
        written = written.replace(".", "").replace("-", "").upper()
        if kind == "bhyt" and len(written) == CARD_LENGTH:
            written = written[-SOCIAL_INSURANCE_DIGITS:]  # a card ends with the number that other forms give alone
    index: BlindIndex = current_app.extensions["blind_index"]
    return index.of(kind, written)


def open_name(entry: PatientIndexEntry) -> str:
    """Return the name behind an entry; raises CannotDecrypt."""
    sealed = Sealed(entry.name_ciphertext, entry.name_nonce, entry.name_key_id)
    return _keyring().open(sealed, _context(entry.hospital_id, entry.patient_id))


def index_patients(hospital_id: UUID, patients: Sequence[PatientFacts], *, rewrite: bool = False) -> None:
    """Write what a hospital tells of its patients; `rewrite` also writes what the index already has in this version."""
    erased = _list_forgotten(hospital_id, [facts.id for facts in patients])
    digests = {facts.id: _digests(facts) for facts in patients if facts.id not in erased}
    if not digests:
        return
    told = {facts.id: facts for facts in patients if facts.id in digests}
    _lock_persons({row["cccd_index"] for row in digests.values() if row["cccd_index"]})
    joined = {facts.id for facts in told.values() if facts.merged_into}
    persons = _choose_global_ids(hospital_id, digests, joined)
    rows = [
        {
            "id": new_id(),
            "hospital_id": hospital_id,
            "patient_id": patient_id,
            "patient_global_id": persons[patient_id],
            **digests[patient_id],
            **_sealed_name(hospital_id, facts),
            "source_version": facts.version,
            "deactivated_at": facts.deactivated_at,
            "merged_into": facts.merged_into,
        }
        for patient_id, facts in sorted(told.items())
    ]
    _upsert(rows, rewrite=rewrite)
    _join_merged(hospital_id, joined)


def list_indexed(hospital_id: UUID) -> set[UUID]:
    """Return the patients of a hospital whom the index holds."""
    query = sa.select(PatientIndexEntry.patient_id).where(PatientIndexEntry.hospital_id == hospital_id)
    return set(db.session.scalars(query))


def take_out(hospital_id: UUID, patient_ids: Iterable[UUID]) -> None:
    """Take patients out of the index whom their hospital does not have."""
    entry = PatientIndexEntry
    gone = sa.delete(entry).where(entry.hospital_id == hospital_id, entry.patient_id.in_(list(patient_ids)))
    db.session.execute(gone.execution_options(synchronize_session=False))


def forget_erased(hospital_id: UUID, erased: Sequence[Erased]) -> None:
    """Take erased patients out of the index, and remember their ids: a restore from before erases them again."""
    if not erased:
        return
    entry, ids = PatientIndexEntry, [one.patient_id for one in erased]
    gone = sa.delete(entry).where(entry.hospital_id == hospital_id, entry.patient_id.in_(ids))
    db.session.execute(gone.execution_options(synchronize_session=False))
    rows = [
        {"hospital_id": hospital_id, "patient_id": one.patient_id, "kind": one.kind, "erased_at": one.erased_at}
        for one in erased
    ]
    statement = insert(PatientErasure).values(rows)
    further = {"kind": statement.excluded.kind, "erased_at": statement.excluded.erased_at}
    key = ["hospital_id", "patient_id"]
    db.session.execute(statement.on_conflict_do_update(index_elements=key, set_=further))


def list_erased(hospital_id: UUID) -> list[Erased]:
    """Return whom a hospital has erased, as far as the centre has heard."""
    query = sa.select(PatientErasure.patient_id, PatientErasure.kind, PatientErasure.erased_at)
    return [Erased(*row) for row in db.session.execute(query.where(PatientErasure.hospital_id == hospital_id))]


def _list_forgotten(hospital_id: UUID, patient_ids: Sequence[UUID]) -> set[UUID]:
    """Return who of these is erased: what was under way then does not bring them back."""
    if not patient_ids:
        return set()
    query = sa.select(PatientErasure.patient_id).where(
        PatientErasure.hospital_id == hospital_id, PatientErasure.patient_id.in_(patient_ids)
    )
    return set(db.session.scalars(query))


def _digests(facts: PatientFacts) -> dict[str, bytes | None]:
    return {f"{kind}_index": blind(kind, getattr(facts, kind)) for kind in COLUMNS}


def _lock_persons(cccd_indexes: set[bytes]) -> None:
    """Let two hospitals that register the same person at once do it one after the other."""
    for bucket in sorted({digest[0] % LOCKS for digest in cccd_indexes}):
        lock = sa.select(sa.func.pg_advisory_xact_lock(LOCK_BASE + bucket))
        db.session.execute(lock, bind_arguments={"mapper": PatientIndexEntry})


def _choose_global_ids(
    hospital_id: UUID, digests: dict[UUID, dict[str, bytes | None]], joined: set[UUID]
) -> dict[UUID, UUID]:
    """Return a global id for each patient: that of the same CCCD elsewhere, else the one they have, else a new one.

    Who was joined to another patient and is so no longer has had the other one's.
    """
    entry = PatientIndexEntry
    cccds = {row["cccd_index"] for row in digests.values()} - {None}
    own_rows = sa.select(entry).where(entry.hospital_id == hospital_id, entry.patient_id.in_(list(digests)))
    own = {row.patient_id: row for row in db.session.scalars(own_rows.execution_options(populate_existing=True))}
    known = sa.select(entry.cccd_index, entry.hospital_id, entry.patient_id, entry.patient_global_id)
    by_cccd: dict[bytes | None, list[tuple[UUID, UUID, UUID]]] = {}
    for digest, *whose in db.session.execute(known.where(entry.cccd_index.in_(cccds)).order_by(entry.id)):
        by_cccd.setdefault(digest, []).append((whose[0], whose[1], whose[2]))
    chosen: dict[UUID, UUID] = {}
    for patient_id, row in digests.items():
        digest, mine = row["cccd_index"], own.get(patient_id)
        others = [
            person
            for place, patient, person in by_cccd.get(digest or b"", [])
            if (place, patient) != (hospital_id, patient_id)
        ]
        if others:
            chosen[patient_id] = others[0]
        elif (
            mine is not None
            and mine.cccd_index in (digest, None)
            and not (mine.merged_into and patient_id not in joined)
        ):
            chosen[patient_id] = mine.patient_global_id
        else:
            chosen[patient_id] = new_id()  # another number is another person, until somebody shares it
    return chosen


def _sealed_name(hospital_id: UUID, facts: PatientFacts) -> dict[str, Any]:
    sealed = _keyring().seal(facts.full_name, _context(hospital_id, facts.id))
    return {"name_ciphertext": sealed.ciphertext, "name_nonce": sealed.nonce, "name_key_id": sealed.key_id}


def _upsert(rows: list[dict[str, Any]], *, rewrite: bool) -> None:
    entry = PatientIndexEntry
    statement = insert(entry).values(rows)
    told = statement.excluded
    newer = entry.source_version <= told.source_version if rewrite else entry.source_version < told.source_version
    kept = ("id", "hospital_id", "patient_id")
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["hospital_id", "patient_id"],
            set_={name: told[name] for name in rows[0] if name not in kept},
            where=newer,
        )
    )


def _join_merged(hospital_id: UUID, merged: set[UUID]) -> None:
    """Give those who were registered twice the global id of who they are."""
    if not merged:
        return
    entry, who = PatientIndexEntry, sa.orm.aliased(PatientIndexEntry)
    same = sa.and_(who.hospital_id == entry.hospital_id, who.patient_id == entry.merged_into)
    joined = sa.update(entry).where(entry.hospital_id == hospital_id, entry.patient_id.in_(merged), same)
    joined = joined.values(patient_global_id=who.patient_global_id)
    db.session.execute(joined.execution_options(synchronize_session=False))


def _keyring() -> Keyring:
    keyring: Keyring = current_app.extensions["keyring"]
    return keyring


def _context(hospital_id: UUID, patient_id: UUID) -> str:
    return f"patient_index:{hospital_id}:{patient_id}"


declare_sealed(PatientIndexEntry, "name", lambda row: _context(row.hospital_id, row.patient_id))
