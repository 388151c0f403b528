"""The last backup of a hospital that is deleted: whole, of the newest data, kept until its day or destroyed at once."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask import Flask

from app.core import clock
from app.core.unit_of_work import unit_of_work
from app.tenancy.backups.storage import backup_store
from app.tenancy.ending.certificates import get_certificate, list_remaining_backups
from app.tenancy.ending.leftovers import destroy_due_backups
from app.tenancy.ledger.performing import perform
from app.tenancy.models import (
    Backup,
    BackupState,
    HospitalDatabase,
    PlatformAuditEntry,
    RetiredDatabase,
)
from tests.integration.tenancy.ending.conftest import (
    ask_for_due,
    hospital_of,
    let_grace_pass,
    prepare,
    suspend,
)
from tests.support.platform import ACTOR


def test_with_its_backups_destroyed_nothing_is_left_in_the_store(gamma: str, context: Flask) -> None:
    hospital_id = hospital_of(gamma).id
    suspend(gamma)
    prepared = prepare(gamma, destroy=True)
    let_grace_pass(gamma)
    perform(ask_for_due())
    assert list(backup_store().list(f"{hospital_id}/")) == []
    with unit_of_work() as session:
        document = get_certificate(hospital_id).document
        assert session.get_one(Backup, prepared["backup"]).state is BackupState.PRUNED
    assert [gone["id"] for gone in document["destroyed"]["backups"]] == [prepared["backup"]]
    assert document["remains"]["backups"] == []


def test_a_damaged_last_backup_is_replaced_before_anything_is_destroyed(gamma: str, context: Flask) -> None:
    suspend(gamma)
    prepared = prepare(gamma)
    with unit_of_work() as session:
        location = session.get_one(Backup, prepared["backup"]).location
    archive = context.extensions["settings"].var_dir / "backups" / location / "archive"
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(bytes(content))
    let_grace_pass(gamma)
    perform(ask_for_due())
    with unit_of_work():
        document = get_certificate(hospital_of(gamma).id).document
    assert document["last_backup"]["id"] != prepared["backup"]


def test_what_was_restored_meanwhile_is_backed_up_before_it_is_destroyed(gamma: str, context: Flask) -> None:
    suspend(gamma)
    prepared = prepare(gamma)
    with unit_of_work() as session:
        place = session.scalars(
            sa.select(HospitalDatabase).where(HospitalDatabase.hospital_id == hospital_of(gamma).id)
        ).one()
        sealed = (place.password_ciphertext, place.password_nonce, place.password_key_id)
        session.add(
            RetiredDatabase(
                hospital_id=place.hospital_id,
                cluster_id=place.cluster_id,
                reason="restore",
                database_name="vh_gone_already",
                login_role="vh_gone_already_too",
                password_ciphertext=sealed[0],
                password_nonce=sealed[1],
                password_key_id=sealed[2],
                drop_after=clock.now(),
            )
        )
    let_grace_pass(gamma)
    assert perform(ask_for_due())["databases"] == 2
    with unit_of_work():
        document = get_certificate(hospital_of(gamma).id).document
    assert document["last_backup"]["id"] != prepared["backup"]
    assert len(document["destroyed"]["databases"]) == 2


def test_the_last_backups_end_on_the_day_that_the_certificate_names(gamma: str, context: Flask) -> None:
    hospital_id = hospital_of(gamma).id
    suspend(gamma)
    prepare(gamma)
    let_grace_pass(gamma)
    perform(ask_for_due())
    assert destroy_due_backups(ACTOR) == []
    assert list(backup_store().list(f"{hospital_id}/")) != []
    with clock.frozen_at(clock.now() + timedelta(days=91)):
        assert destroy_due_backups(ACTOR) == [gamma]
        assert destroy_due_backups(ACTOR) == []
    assert list(backup_store().list(f"{hospital_id}/")) == []
    with unit_of_work() as session:
        action = sa.select(PlatformAuditEntry.risk).where(PlatformAuditEntry.action == "hospital.destroy_backups")
        assert session.scalars(action).all() == ["high"]
        assert list_remaining_backups(hospital_id) == []
