"""A further database server is prepared, checked and registered; each reason why not has its own words and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.cli.prepare import make_platform
from app.core.db import db
from app.core.embedded import Services, remove, start_services
from app.core.errors import InvalidValue
from app.core.unit_of_work import unit_of_work
from app.domain.identity.permissions import DELETE_HOSPITALS
from app.tenancy.administration import NoAdministrativeAddress
from app.tenancy.binding import bind_hospital
from app.tenancy.bootstrap import CentralPlace, bootstrap
from app.tenancy.cluster import Cluster
from app.tenancy.cluster_errors import (
    ClusterDiskFull,
    ClusterFull,
    ClusterLacksRights,
    ClusterRefuses,
    ClusterUnreachable,
)
from app.tenancy.clusters import ClusterExists, ServerFacts, add_cluster, ask_clusters, change_cluster, list_clusters
from app.tenancy.making import provision_hospital
from app.tenancy.models import DatabaseCluster, Hospital, OperatorRole, PlatformUserPermission
from app.tenancy.placement import NoRoom
from app.tenancy.provisioning import HospitalRequest, request_hospital
from tests.support.platform import ACTOR, Platform

SECOND = "second"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A PostgreSQL server that nobody has prepared."""
    services = start_services(tmp_path_factory.mktemp("second"), fast=True, with_valkey=False)
    yield services
    services.stop()
    remove(services.var)


@pytest.fixture
def wide(app: Flask, platform: Platform, elsewhere: Services) -> Iterator[Flask]:
    """The application with the further server's address; afterwards nothing of it is registered."""
    wide = platform.make_app(cluster_admin_urls={SECOND: elsewhere.admin_database_url})
    with wide.app_context():
        yield wide
        close(wide)
    with platform.admin() as connection:
        connection.execute(
            "DELETE FROM hospital_databases WHERE cluster_id IN (SELECT id FROM database_clusters WHERE name <> 'main')"
        )
        connection.execute("DELETE FROM database_clusters WHERE name <> 'main'")


def close(app: Flask) -> None:
    """Close what another application of the same platform has open."""
    app.extensions["tenancy"].engines.dispose()
    db.engine.dispose()


def facts(**changes: Any) -> ServerFacts:
    return ServerFacts(**{"name": SECOND, "region": "hanoi", **changes})


def make(code: str, **where: Any) -> None:
    with unit_of_work():
        request_hospital(ACTOR, HospitalRequest(code=code, name="Gamma", display_name="Gamma", **where))
    provision_hospital(ACTOR, code)


def test_a_further_server_takes_hospitals_of_its_region(wide: Flask) -> None:
    add_cluster(ACTOR, facts(capacity=1))
    make("gamma", cluster=SECOND)
    with bind_hospital("gamma"), unit_of_work():
        pass
    with unit_of_work():
        shown = {server.row.name: (server.hospitals, server.room) for server in list_clusters()}
    assert shown[SECOND] == (1, 0)
    with unit_of_work() as session:
        assert session.scalars(sa.select(Hospital.region).where(Hospital.code == "gamma")).one() == "hanoi"
    with pytest.raises(NoRoom), unit_of_work():
        request_hospital(ACTOR, HospitalRequest(code="delta", name="D", display_name="D", region="hanoi"))
    with pytest.raises(NoRoom), unit_of_work():
        request_hospital(ACTOR, HospitalRequest(code="delta", name="D", display_name="D", cluster=SECOND))
    with unit_of_work():
        change_cluster(ACTOR, SECOND, {"capacity": 2})
    with unit_of_work():
        request_hospital(ACTOR, HospitalRequest(code="delta", name="D", display_name="D", region="hanoi"))


def test_a_server_is_registered_once(wide: Flask) -> None:
    add_cluster(ACTOR, facts())
    with pytest.raises(ClusterExists):
        add_cluster(ACTOR, facts())


def test_servers_are_asked_and_a_silent_one_is_named(wide: Flask, platform: Platform, elsewhere: Services) -> None:
    add_cluster(ACTOR, facts())
    assert {server.row.name: server.answers for server in ask_clusters()} == {"main": True, SECOND: True}
    gone = platform.make_app(cluster_admin_urls={SECOND: "postgresql://postgres@127.0.0.1:1/postgres"})
    with gone.app_context():
        assert {server.row.name: server.fault for server in ask_clusters()} == {
            "main": None,
            SECOND: "ClusterUnreachable",
        }
        close(gone)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "third"}, NoAdministrativeAddress),
        ({"name": "main"}, InvalidValue),
        ({"name": " "}, InvalidValue),
        ({"capacity": 0}, InvalidValue),
    ],
)
def test_what_cannot_be_registered_is_refused(wide: Flask, changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        add_cluster(ACTOR, facts(**changes))
    with unit_of_work() as session:
        assert session.scalars(sa.select(DatabaseCluster.name)).all() == ["main"]


def login(elsewhere: Services, name: str, options: str) -> str:
    with Cluster(elsewhere.admin_database_url).connect() as connection:
        connection.execute(f"DROP ROLE IF EXISTS {name}")
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'right' {options}")
        connection.execute(f"GRANT CONNECT ON DATABASE postgres TO {name}")
    url = sa.make_url(elsewhere.admin_database_url).set(username=name, password="right", query={})
    host = sa.make_url(elsewhere.admin_database_url)
    return url.set(query=host.query).render_as_string(hide_password=False)


def test_a_server_that_is_away_is_named_with_what_to_do(app: Flask) -> None:
    with (
        pytest.raises(ClusterUnreachable, match=r"127\.0\.0\.1:1") as caught,
        Cluster("postgresql://x@127.0.0.1:1/").connect(),
    ):
        pass
    assert "firewall" in str(caught.value.remedy) or "tường lửa" in str(caught.value.remedy)


def test_an_address_that_the_server_refuses_says_so_and_never_the_password(app: Flask, platform: Platform) -> None:
    url = platform.cluster.url_of("postgres").set(username="nobody_here", password="geheim")
    with pytest.raises(ClusterRefuses) as caught, Cluster(url.render_as_string(hide_password=False)).connect():
        pass
    assert "nobody_here" in str(caught.value)
    assert "geheim" not in f"{caught.value} {caught.value.remedy}"


def test_a_role_without_rights_is_told_which_it_lacks(app: Flask, elsewhere: Services) -> None:
    with pytest.raises(ClusterLacksRights) as caught:
        Cluster(login(elsewhere, "weak", "")).prepare()
    assert "CREATEDB CREATEROLE" in str(caught.value.remedy)


def test_a_role_whose_connections_are_all_in_use_is_told_so(app: Flask, elsewhere: Services) -> None:
    crowded = Cluster(login(elsewhere, "crowded", "CONNECTION LIMIT 1"))
    with crowded.connect(), pytest.raises(ClusterFull), crowded.connect():
        pass


def test_a_full_disk_is_named_with_its_server_and_what_to_do(app: Flask, platform: Platform) -> None:
    with pytest.raises(ClusterDiskFull) as caught, platform.cluster.connect() as connection:
        connection.execute("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$")
    assert platform.cluster.address in str(caught.value)
    assert caught.value.remedy


def test_bootstrap_again_leaves_an_operators_host_and_port_alone(app: Flask, platform: Platform) -> None:
    with platform.admin() as connection:
        before = connection.execute("SELECT host, port FROM database_clusters WHERE name = 'main'").fetchone()
        connection.execute("UPDATE database_clusters SET host = 'pooler.internal', port = 6432 WHERE name = 'main'")
    place = platform.installation
    try:
        bootstrap(
            platform.servers.admin_url,
            CentralPlace(place.central_database, place.central_role, place.central_password),
            presets={},
        )
        with platform.admin() as connection:
            kept = connection.execute("SELECT host, port FROM database_clusters WHERE name = 'main'").fetchone()
        assert kept == ("pooler.internal", 6432)
    finally:
        make_platform(platform.installation, platform.servers.admin_url)
    with platform.admin() as connection:
        assert connection.execute("SELECT host, port FROM database_clusters").fetchone() == before


def test_operators_get_what_is_new_for_their_role_and_not_what_was_taken_away(
    app: Flask, platform: Platform, sign_in_operator: Any
) -> None:
    super_id = sign_in_operator().person["id"]
    support_id = sign_in_operator(OperatorRole.SUPPORT, username="support").person["id"]
    with platform.admin() as connection:
        connection.execute("DELETE FROM platform_user_permissions WHERE permission_code = 'hospitals.delete'")
        connection.execute("DELETE FROM platform_permissions WHERE code = 'hospitals.delete'")
        connection.execute(
            "DELETE FROM platform_user_permissions WHERE permission_code = 'hospitals.export' AND user_id = %s",
            (super_id,),
        )
    for _again in range(2):
        make_platform(platform.installation, platform.servers.admin_url)
    with app.app_context(), unit_of_work() as session:
        held = sa.select(PlatformUserPermission.permission_code).where(PlatformUserPermission.user_id == super_id)
        codes = set(session.scalars(held))
        others = sa.select(PlatformUserPermission.user_id).where(
            PlatformUserPermission.permission_code == DELETE_HOSPITALS.code
        )
        assert support_id not in set(session.scalars(others))
    assert "hospitals.delete" in codes
    assert "hospitals.export" not in codes, "somebody took it away"
