"""A hospital goes to another server while people write, and nothing that was confirmed is lost or doubled."""

from __future__ import annotations

import pytest

from app.tenancy.binding import bind_hospital
from app.core.unit_of_work import unit_of_work
from tests.factories import make_patient
from tests.integration.tenancy.moving.conftest import Move, Second, home_of, left_on, patients_in
from tests.support.platform import Platform


@pytest.mark.parametrize("method", ["dump", "replication"])
def test_a_hospital_is_moved(platform: Platform, second: Second, gamma: str, move: Move, method: str) -> None:
    with second.app.app_context():
        with bind_hospital(gamma), unit_of_work():
            for _ in range(5):
                make_patient()
        import time
        t=time.time()
        result = move(method)
        print(result, time.time()-t)
        assert second.app.test_client().get("/h/gamma/hospital/sign-in").status_code == 200
        server, database = home_of(gamma)
        assert server == "second"
        assert len(patients_in(second.cluster, database)) == 5
        assert left_on(platform.cluster, platform.databases[gamma]) == {}
        assert left_on(second.cluster, database) == {}
