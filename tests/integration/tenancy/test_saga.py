"""Two tries to make one hospital at the same time."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.tenancy.errors import HospitalBusy
from app.tenancy.models import Hospital
from app.tenancy.provisioning import HospitalRequest, request_hospital
from app.tenancy.saga import Saga
from tests.support.platform import ACTOR


def test_who_waits_in_vain_for_another_try_is_told_so(app: Flask) -> None:
    with app.app_context():
        with unit_of_work():
            request_hospital(ACTOR, HospitalRequest(code="gamma", name="Bệnh viện Gamma", display_name="Gamma"))

        def hurry(connection: sa.engine.interfaces.DBAPIConnection, _record: object, _proxy: object) -> None:
            connection.execute("SET lock_timeout = '100ms'")  # type: ignore[attr-defined]
            connection.commit()

        with Saga("gamma"):
            sa.event.listen(db.engine, "checkout", hurry)
            try:
                with pytest.raises(HospitalBusy), Saga("gamma"):
                    pass
            finally:
                sa.event.remove(db.engine, "checkout", hurry)
                db.engine.dispose()
        with unit_of_work() as session:
            assert session.scalar(sa.select(Hospital.code).where(Hospital.code == "gamma")) == "gamma"
