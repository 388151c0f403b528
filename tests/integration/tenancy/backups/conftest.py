"""A hospital with something in it, and its store of backups in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.core.blobs import file_store
from app.core.objects.local import LocalStore
from app.core.unit_of_work import unit_of_work
from app.domain.files.models import File
from app.tenancy.backups.storage import KEY
from app.tenancy.binding import bind_hospital
from app.tenancy.ledger.performing import perform
from app.tenancy.ledger.requests import request_operation
from app.tenancy.queries import get_hospital
from tests.factories import make_patient
from tests.support.platform import ACTOR

CANARY = "Chim Hoàng Yến Mười Bảy"
SCAN = b"%PDF-1.7 " + b"an X-ray of " + CANARY.encode() + b" " * 5000

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def store(app: Flask, tmp_path: Path) -> Iterator[LocalStore]:
    """The store of backups; what is in it can be looked at and spoiled."""
    store = LocalStore(tmp_path / "store")
    app.extensions[KEY] = store
    yield store
    del app.extensions[KEY]


@pytest.fixture
def hospital(app: Flask, alpha: str, store: LocalStore) -> Iterator[str]:
    """Alpha with three patients and one file, inside an application context."""
    with app.app_context():
        with bind_hospital(alpha) as bound, unit_of_work() as session:
            for number in range(3):
                make_patient(full_name=f"{CANARY} {number}")
            digest, size = file_store().put(bound.id, [SCAN])
            session.add(File(sha256=digest, size_bytes=size, media_type="application/pdf", name="xray.pdf"))
        yield alpha


@pytest.fixture
def run() -> Run:
    """`run("hospital.backup", "alpha", verify=True)`: perform an operation here and return what came of it."""

    def perform_here(kind: str, code: str | None = None, **arguments: Any) -> dict[str, Any]:
        with unit_of_work():
            hospital = get_hospital(code) if code else None
            wanted = request_operation(ACTOR, kind, hospital=hospital, arguments=arguments, wake=False).id
        return perform(wanted)

    return perform_here
