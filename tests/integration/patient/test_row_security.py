"""The database itself separates patients: a query that forgets whose rows it wants sees those of nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import ProgrammingError

from app.core.access_mode import reading
from app.core.db import db
from app.core.row_scope import seeing
from app.core.unit_of_work import unit_of_work
from app.domain.appointments.models import Appointment
from app.domain.audit.models import AccessEntry
from app.domain.identity.row_scope import own_rows_of
from app.domain.patients.models import Patient, PatientAllergy
from app.domain.records.models import MedicalRecord, VitalSigns
from app.tenancy.binding import bind_hospital
from tests.support.platform import Platform
from tests.support.world import World, build_world

# Belong to patients by another way than a foreign key.
FURTHER = {"audit_log", "access_log"}
OWNED = """
WITH RECURSIVE owned(id) AS (
    SELECT 'patients'::regclass::oid
    UNION
    SELECT c.conrelid FROM pg_constraint c JOIN owned o ON c.confrelid = o.id WHERE c.contype = 'f'
) SELECT relname FROM owned JOIN pg_class ON pg_class.oid = owned.id WHERE NOT relispartition
"""
NAMED = """
SELECT table_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name IN ('patient_id', 'patient_ids', 'patient_user_id')
"""
POLICIES = "SELECT tablename, unnest(roles) FROM pg_policies WHERE schemaname = 'public'"
RIGHTS = """
SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
WHERE a.grantee = 'vien_patient'::regrole AND c.relkind IN ('r', 'p', 'v')
"""


@pytest.fixture
def world(bound: Any, alpha: str) -> World:
    """A hospital with two patients who have one of everything."""
    with bound(alpha):
        return build_world(alpha)


@pytest.fixture
def inside(app: Flask, alpha: str, world: World) -> Iterator[World]:
    with app.app_context(), bind_hospital(alpha):
        yield world


def rows(platform: Platform, query: str) -> list[tuple[Any, ...]]:
    with platform.admin("alpha") as connection:
        return connection.execute(query).fetchall()


def test_every_table_that_belongs_to_patients_has_policies(app: Flask, platform: Platform, alpha: str) -> None:
    """A table that a patient's row leads to by foreign keys is named in `separate_patients`, or this fails."""
    owned = {row[0] for row in rows(platform, OWNED)} | FURTHER
    named = {row[0] for row in rows(platform, NAMED)}
    partitions = {row[0] for row in rows(platform, "SELECT relname FROM pg_class WHERE relispartition")}
    views = {row[0] for row in rows(platform, "SELECT viewname FROM pg_views WHERE schemaname = 'public'")}
    owned |= named - partitions - views
    secured = {row[0] for row in rows(platform, "SELECT relname FROM pg_class WHERE relrowsecurity")}
    assert owned - secured == set(), "these tables have no row-level security"
    policies = set(rows(platform, POLICIES))
    for role in ("vien_app", "vien_patient"):
        assert {table for table in owned if (table, role) not in policies} == set(), f"no policy for {role}"


def test_what_a_patients_transactions_may_do_is_little(app: Flask, platform: Platform, alpha: str) -> None:
    rights: dict[str, set[str]] = {}
    for table, right in rows(platform, RIGHTS):
        rights.setdefault(right, set()).add(table)
    assert set(rights) <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert rights.get("DELETE", set()) <= {"passkeys", "recovery_codes", "push_subscriptions"}
    for table in ("patients", "medical_records", "prescriptions", "vital_signs", "staff_users", "roles"):
        assert table not in rights["INSERT"] | rights["UPDATE"], table
    for table in ("sessions", "alerts", "alert_rules", "permissions", "support_grants", "breaches", "legal_holds"):
        assert table not in rights["SELECT"], table


@pytest.mark.parametrize("model", [Patient, Appointment, MedicalRecord, VitalSigns, PatientAllergy])
@pytest.mark.parametrize("only_reads", [True, False])
def test_a_query_without_a_condition_finds_ones_own_rows_only(inside: World, model: Any, only_reads: bool) -> None:
    """As in a GET and as in a POST."""

    def owners() -> set[UUID]:
        column = model.id if model is Patient else model.patient_id
        return set(db.session.scalars(sa.select(column)))

    with unit_of_work():
        everybody = owners()
    assert len(everybody) >= 1
    for patient_id in (inside.patient.patient_id, inside.other.patient_id):
        with seeing(own_rows_of(patient_id)):
            found = _read(owners) if only_reads else _write(owners)
        assert found == everybody & {patient_id}


def _read(ask: Callable[[], set[UUID]]) -> set[UUID]:
    with reading():
        found = ask()
        db.session.commit()
    return found


def _write(ask: Callable[[], set[UUID]]) -> set[UUID]:
    with unit_of_work():
        return ask()


def test_nothing_can_be_written_for_somebody_else(inside: World) -> None:
    with seeing(own_rows_of(inside.other.patient_id)):
        with unit_of_work() as session:
            changed = session.execute(
                sa.update(Appointment).where(Appointment.patient_id == inside.patient.patient_id).values(reason="x")
            )
            assert changed.rowcount == 0  # type: ignore[attr-defined]
        with pytest.raises(ProgrammingError, match="row-level security"), unit_of_work() as session:
            session.execute(
                sa.update(Appointment)
                .where(Appointment.patient_id == inside.other.patient_id)
                .values(patient_id=inside.patient.patient_id)
            )


def test_without_a_patient_named_nothing_is_seen(inside: World) -> None:
    with unit_of_work() as session:
        connection = session.connection(bind_arguments={"mapper": Patient})
        connection.exec_driver_sql("SELECT set_config('role', 'vien_patient', true)")
        assert session.scalar(sa.select(sa.func.count(Patient.id))) == 0


def test_the_scope_ends_with_the_transaction_and_stands_again_in_the_next(inside: World) -> None:
    who = sa.select(sa.func.current_user(), sa.func.current_setting("app.patient_id", True))

    def asked() -> tuple[str, str | None]:
        row = db.session.execute(who, bind_arguments={"mapper": Patient}).one()
        return row[0], row[1] or None

    with seeing(own_rows_of(inside.patient.patient_id)):
        for _ in range(3):
            with unit_of_work() as session, session.begin_nested():
                assert asked() == ("vien_patient", str(inside.patient.patient_id))
        with pytest.raises(RuntimeError, match="half-way"), unit_of_work():
            assert asked()[0] == "vien_patient"
            raise RuntimeError("half-way")
        with unit_of_work() as session:
            with pytest.raises(ProgrammingError), session.begin_nested():
                session.execute(sa.text("SELECT 1/0 FROM nowhere"), bind_arguments={"mapper": Patient})
            assert asked() == ("vien_patient", str(inside.patient.patient_id))
    for _ in range(3):
        with unit_of_work():
            name, patient = asked()
            assert name.startswith("vh_")
            assert patient is None


def test_a_patients_page_runs_in_the_scope_and_a_doctors_does_not(
    alpha: str, sign_in_patient: Any, sign_in_staff: Any
) -> None:
    seen: list[str] = []

    def note(connection: sa.Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "medical_records" in statement or "appointments" in statement:
            seen.append(connection.connection.cursor().execute("SELECT current_user").fetchone()[0])  # type: ignore[union-attr]

    patient, doctor = sign_in_patient(alpha), sign_in_staff(alpha, "doctor")
    sa.event.listen(sa.Engine, "after_cursor_execute", note)
    try:
        assert patient.get(f"/h/{alpha}/patient/record").status_code == 200
        assert set(seen) == {"vien_patient"}
        seen.clear()
        assert doctor.get(f"/h/{alpha}/hospital/today").status_code == 200
        assert seen
        assert "vien_patient" not in seen
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", note)


def test_the_access_row_of_a_patients_page_is_kept(alpha: str, bound: Any, sign_in_patient: Any) -> None:
    browser = sign_in_patient(alpha)
    assert browser.get(f"/h/{alpha}/patient/profile").status_code == 200
    with bound(alpha):
        rows_kept = db.session.execute(sa.select(AccessEntry.actor_kind, AccessEntry.patient_ids)).all()
    assert rows_kept == [("patient", [browser.person["patient_id"]])]


def test_times_of_others_are_seen_without_whose_they_are(inside: World, platform: Platform) -> None:
    with seeing(own_rows_of(inside.other.patient_id)), unit_of_work() as session:
        columns = session.execute(sa.text("SELECT * FROM busy_times"), bind_arguments={"mapper": Patient}).keys()
        assert set(columns) == {"doctor_id", "starts_at", "ends_at", "place"}


def test_the_hospitals_own_role_cannot_be_narrowed_by_a_setting_alone(inside: World, platform: Platform) -> None:
    """The setting means nothing without the role: staff see their patients whatever it says."""
    with unit_of_work() as session:
        connection = session.connection(bind_arguments={"mapper": Patient})
        connection.exec_driver_sql("SELECT set_config('app.patient_id', %s, true)", (str(inside.patient.patient_id),))
        assert (session.scalar(sa.select(sa.func.count(Patient.id))) or 0) >= 2


def test_a_partition_of_a_log_cannot_be_read_past_its_policies(app: Flask, platform: Platform, alpha: str) -> None:
    for (name,) in rows(platform, "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"):
        with platform.admin("alpha") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET ROLE vien_patient")
            connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1')
