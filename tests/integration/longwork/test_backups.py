"""Files that long work destroyed, or whose worker died before their content, do not keep a hospital from its backup."""

from __future__ import annotations

import hashlib
import io

from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.files.keeping import destroy_file, note_file, store_content
from app.tenancy.binding import bind_hospital
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation
from app.tenancy.queries import get_hospital
from tests.support.platform import ACTOR


def test_a_backup_has_the_files_that_are_there(app: Flask, alpha: str) -> None:
    with app.app_context():
        with bind_hospital(alpha):
            with unit_of_work():
                ids = [note_file(ACTOR, name, "text/csv", io.BytesIO(name.encode())).id for name in "abc"]
            store_content(_digest(b"a"), io.BytesIO(b"a"))
            store_content(_digest(b"b"), io.BytesIO(b"b"))
            with unit_of_work():
                destroy_file(ids[1])
        with unit_of_work():
            hospital = get_hospital(alpha)
            asked = request_operation(ACTOR, "hospital.backup", hospital=hospital, wake=False).id
        assert perform(asked)["files"] == 1


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
