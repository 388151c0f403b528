"""Another master key: everything sealed comes under it, nothing in clear touches a disk, nobody's change is lost."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.config import GatewaySettings
from app.core.blobs import file_store
from app.core.crypto import Keyring, Sealed
from app.core.db import db
from app.core.ids import new_id
from app.core.sealed import SealedColumn, list_sealed
from app.core.unit_of_work import unit_of_work
from app.domain.identity import totp
from app.domain.identity.models import StaffUser
from app.domain.identity.operators import create_operator
from app.domain.messages.gateway_store import save_channel
from app.domain.messages.models import Channel
from app.tenancy.binding import bind_hospital, tenancy
from app.tenancy.credentials import rekeying
from app.tenancy.credentials.errors import SomeFailed
from app.tenancy.credentials.keys import COUNT_KEYS, count_key_use
from app.tenancy.credentials.rekeying import BATCH, REKEY, Tally, rekey_column
from app.tenancy.index import PatientFacts, index_patients, open_name
from app.tenancy.models import (
    Backup,
    BackupState,
    Hospital,
    HospitalDatabase,
    HospitalStatus,
    OperatorRole,
    PatientIndexEntry,
    RetiredDatabase,
)
from app.tenancy.replicas import ReplicaAddress, seal_replica
from app.tenancy.vault import open_password, password_context
from tests.factories import make_patient, make_patient_user, make_staff
from tests.factories.people import PASSWORD
from tests.support.platform import ACTOR

SECRET, NEWER = "JBSWY3DPEHPK3PXP" * 2, "KRSXG5CTMVRXEZLU" * 2
CONTENT = b"a scan of more than one piece" * 50_000
REPLICA = ReplicaAddress("replica.example", 5432, "require")


@pytest.fixture
def rings(context: Flask) -> Iterator[tuple[Keyring, Keyring]]:
    """The platform's keys as they are, and with a new key in front; afterwards everything is under the old again."""
    settings = context.extensions["settings"]
    fresh = base64.b64encode(secrets.token_bytes(32)).decode()
    old, new = Keyring.parse(settings.vien_keys), Keyring.parse(f"k2:{fresh},{settings.vien_keys}")
    yield old, new
    back = Keyring.parse(f"{settings.vien_keys},k2:{fresh}")
    use(context, back)
    for place in ["centre", "alpha", "beta"]:
        rekeying.rekey_place(place, back, Tally(), lambda: None)
    use(context, old)
    for code in ("alpha", "beta"):
        file_store().delete_all(tenancy().registry.get_by_code(code).id)
    with unit_of_work() as session:
        nothing = {"replica_ciphertext": None, "replica_nonce": None, "replica_key_id": None}
        session.execute(sa.update(HospitalDatabase).values(nothing))


def use(app: Flask, keyring: Keyring) -> None:
    """Have a process work with these keys, as after a restart."""
    app.extensions["keyring"] = app.extensions["files"]._keyring = keyring
    tenancy().registry._keyring = keyring
    tenancy().registry.forget()


def test_every_sealed_column_of_both_histories_is_known_with_its_context(app: Flask) -> None:
    for history in (None, "hospital"):
        with app.app_context():
            tables = db.metadatas[history].tables.values()
        found = {
            f"{table.name}.{column.name.removesuffix('_ciphertext')}"
            for table in tables
            for column in table.columns
            if column.name.endswith("_ciphertext")
        }
        assert found, history
        assert found == {column.label for column in list_sealed(history)}


def test_everything_comes_under_the_new_key_and_opens_as_before(
    context: Flask, alpha: str, bound: Any, performed: Any, rings: tuple[Keyring, Keyring]
) -> None:
    old, new = rings
    seal_one_of_each(alpha, bound, old)
    use(context, new)
    before = values(new)
    result = performed(REKEY)
    assert keys_in_use() == {"k2"}
    assert values(new) == before
    assert {label: result[label] for label in before} == {label: len(texts) for label, texts in before.items()}
    assert all(before.values()), "each kind had a value"
    with unit_of_work() as session:
        assert all(open_password(new, place) for place in session.scalars(sa.select(HospitalDatabase)))
    hospital_id = tenancy().registry.get_by_code(alpha).id
    digest = next(iter(file_store().list(hospital_id)))
    assert b"".join(file_store().read(hospital_id, digest)) == CONTENT
    assert result["files"] == 1
    again = performed(REKEY)
    assert again == {"key": "k2", "overtaken": 0, "hospitals": 2}


def test_a_value_that_was_changed_meanwhile_is_left_as_it_is_now(
    context: Flask, alpha: str, bound: Any, rings: tuple[Keyring, Keyring], monkeypatch: Any
) -> None:
    old, new = rings
    with bound(alpha):
        totp.enrol(old, make_staff("nurse"), SECRET)
    column = next(column for column in list_sealed("hospital") if column.label == "staff_users.totp")
    reseal = rekeying._reseal

    def somebody_is_faster(*args: Any) -> Any:
        with db.session.session_factory() as other:
            staff = other.scalars(sa.select(StaffUser)).one()
            totp.enrol(new, staff, NEWER)
            other.commit()
        return reseal(*args)

    tally = Tally()
    with monkeypatch.context() as patch, bind_hospital(alpha):
        patch.setattr(rekeying, "_reseal", somebody_is_faster)
        rekey_column(column, new, tally, lambda: None)
    assert tally.overtaken == 1
    with bind_hospital(alpha):
        assert texts_of(column, new) == [NEWER]


def test_work_that_stops_in_the_middle_is_taken_up_where_it_was(
    context: Flask, alpha: str, rings: tuple[Keyring, Keyring], monkeypatch: Any
) -> None:
    _, new = rings
    alpha_id = tenancy().registry.get_by_code(alpha).id
    with unit_of_work():
        people = [PatientFacts(new_id(), 1, f"Người {n}", None, None, None, None, None) for n in range(BATCH + 20)]
        index_patients(alpha_id, people)
    use(context, new)
    column = next(column for column in list_sealed(None) if column.label == "patient_index.name")
    asked: list[int] = []

    def stop_at_the_second() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rekey_column(column, new, Tally(), stop_at_the_second)
    tally = Tally()
    rekey_column(column, new, tally, lambda: None)
    assert tally.done == {"patient_index.name": 20}, "a whole batch was done before, and is not done again"
    with unit_of_work() as session:
        names = [open_name(entry) for entry in session.scalars(sa.select(PatientIndexEntry))]
    assert sorted(names) == sorted(person.full_name for person in people)


def test_what_no_key_opens_is_counted_named_and_left(
    context: Flask, alpha: str, bound: Any, performed: Any, rings: tuple[Keyring, Keyring]
) -> None:
    _, new = rings
    stranger = Keyring({"k0": secrets.token_bytes(32)})
    with bound(alpha):
        totp.enrol(stranger, make_staff("nurse"), SECRET)
    use(context, new)
    with pytest.raises(SomeFailed, match="alpha") as failed:
        performed(REKEY)
    assert set(failed.value.failed) == {"alpha"}
    assert keys_in_use() == {"k2", "k0"}, "everything else is done"
    with bound(alpha), unit_of_work() as session:
        nothing = {"totp_ciphertext": None, "totp_nonce": None, "totp_key_id": None}
        session.execute(sa.update(StaffUser).values(nothing))


def test_keys_are_counted_with_backups_and_a_key_that_nothing_needs_counts_nothing(
    context: Flask, alpha: str, performed: Any, rings: tuple[Keyring, Keyring]
) -> None:
    _, new = rings
    with unit_of_work() as session:
        session.add(
            Backup(
                hospital_id=tenancy().registry.get_by_code(alpha).id,
                reason="manual",
                state=BackupState.COMPLETE,
                location="alpha/1",
                key_id="backup-2025",
            )
        )
    use(context, new)
    assert count_key_use().by_key("k2", new.ids) == {
        "k2": {},
        "backup-2025": {"backups": 1},
        "k1": {"hospital_databases.password": 2},
    }
    performed(REKEY)
    assert count_key_use().by_key("k2", new.ids) == {
        "k2": {"hospital_databases.password": 2},
        "backup-2025": {"backups": 1},
        "k1": {},
    }
    assert performed(COUNT_KEYS)["keys"]["k2"] == {"hospital_databases.password": 2}


def test_what_an_archived_hospital_holds_is_said_not_to_be_counted(context: Flask, alpha: str, performed: Any) -> None:
    with unit_of_work() as session:
        session.execute(sa.update(Hospital).where(Hospital.code == alpha).values(status=HospitalStatus.ARCHIVED))
    assert performed(COUNT_KEYS)["archived"] == [alpha]
    assert performed(REKEY)["archived"] == [alpha]
    result = context.test_cli_runner().invoke(args=["platform", "keys"])
    assert result.exit_code == 4
    assert "alpha: archived" in result.stderr


def seal_one_of_each(code: str, bound: Callable[[str], Any], keyring: Keyring) -> None:
    """Have one value at least in every sealed column."""
    hospital_id = tenancy().registry.get_by_code(code).id
    with unit_of_work() as session:
        place = session.scalars(sa.select(HospitalDatabase).where(HospitalDatabase.hospital_id == hospital_id)).one()
        seal_replica(keyring, place, REPLICA)
        aside = RetiredDatabase(
            hospital_id=hospital_id, cluster_id=place.cluster_id, reason="restore", database_name="vh_aside",
            login_role="vh_aside", drop_after=place.rotated_at,
        )  # fmt: skip
        password = keyring.seal("aside", password_context(aside))
        aside.password_ciphertext, aside.password_nonce = password.ciphertext, password.nonce
        aside.password_key_id = password.key_id
        session.add(aside)
        index_patients(hospital_id, [PatientFacts(new_id(), 1, "Trần Văn Kín", None, None, None, None, None)])
        operator = create_operator(
            ACTOR, username="kin", full_name="Kín", email="k@vien.example", role=OperatorRole.SUPPORT, password=PASSWORD
        )
        totp.enrol(keyring, operator, SECRET)
    with bound(code):
        totp.enrol(keyring, make_staff("nurse"), SECRET)
        totp.enrol(keyring, make_patient_user(make_patient()), SECRET)
        gateway = GatewaySettings(url="https://93.184.216.34/send")
        save_channel(ACTOR, Channel.SMS, 0, enabled=True, gateway=gateway, credential="a gateway's key")
    file_store().put(hospital_id, [CONTENT])


def values(keyring: Keyring) -> dict[str, list[str]]:
    """Open everything that is sealed."""
    found = {column.label: texts_of(column, keyring) for column in list_sealed(None)}
    for code in ("alpha", "beta"):
        with bind_hospital(code):
            for column in list_sealed("hospital"):
                found.setdefault(column.label, []).extend(texts_of(column, keyring))
    return found


def texts_of(column: SealedColumn, keyring: Keyring) -> list[str]:
    with unit_of_work() as session:
        rows = session.execute(sa.select(column.table).where(column.ciphertext.is_not(None))).all()
    return sorted(
        keyring.open(
            Sealed(row._mapping[column.ciphertext], row._mapping[column.nonce], row._mapping[column.key_id]),
            column.context(row),
        )
        for row in rows
    )


def keys_in_use() -> set[str]:
    counts = count_key_use().counts
    return {key_id for label, column in counts.items() if label != "backups" for key_id in column if column[key_id]}
