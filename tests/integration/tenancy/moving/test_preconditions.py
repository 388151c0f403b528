"""What a move needs and does not find is said before anything is changed, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.core.embedded import postgres
from app.core.errors import InvalidValue, VienError
from app.tenancy.administration import NoAdministrativeAddress
from app.tenancy.cluster_errors import ClusterLacksRights, ClusterRefuses, ClusterUnreachable
from app.tenancy.moving import preconditions, replicating
from app.tenancy.moving.errors import (
    NoDiskThere,
    NoFreeSlot,
    NoRoomThere,
    NotReplicable,
    ReplicationNotPermitted,
    SameCluster,
    SourceNotReached,
    TargetOlder,
    WalLevelTooLow,
)
from app.tenancy.moving.planning import make_plan
from tests.integration.tenancy.moving.conftest import Move, Second, databases_on, home_of, left_on
from tests.integration.tenancy.test_swapping import hospital_id
from tests.support.platform import Platform

Refused = Callable[..., None]


@pytest.fixture
def refused(platform: Platform, second: Second, gamma: str, move: Move) -> Refused:
    """`refused(SameCluster)`: the move fails so, says what to do, and has changed nothing anywhere."""

    def check(kind: type[VienError], method: str = "auto", cluster: str = "second", reachable: bool = True) -> None:
        with second.app.app_context():
            with pytest.raises(kind) as found:
                move(method, cluster)
            assert found.value.remedy
            assert home_of(gamma) == ("main", platform.databases[gamma])
            assert left_on(platform.cluster, platform.databases[gamma]) == {}
        if reachable:
            assert databases_on(second.cluster) == set()

    return check


def change(platform: Platform, column: str, value: Any) -> None:
    with platform.admin() as central:
        central.execute(f"UPDATE database_clusters SET {column} = %s WHERE name = 'second'", (value,))


def with_address(monkeypatch: pytest.MonkeyPatch, second: Second, address: str) -> None:
    """Have workers and commands administer the second server by another address."""
    settings = second.app.extensions["settings"].model_copy(update={"cluster_admin_urls": {"second": address}})
    monkeypatch.setitem(second.app.extensions, "settings", settings)


def test_a_server_that_is_not_registered(refused: Refused) -> None:
    refused(InvalidValue, cluster="nowhere")


def test_a_method_that_there_is_not(refused: Refused) -> None:
    refused(InvalidValue, method="by hand")


def test_the_server_where_it_is_already(refused: Refused) -> None:
    refused(SameCluster, cluster="main")


def test_the_same_server_under_another_name(
    refused: Refused, platform: Platform, second: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_address(monkeypatch, second, platform.servers.admin_url)
    refused(SameCluster)


def test_a_server_that_takes_no_more(refused: Refused, platform: Platform) -> None:
    change(platform, "accepts_new", False)
    refused(NoRoomThere)


def test_a_server_without_disk_for_it(refused: Refused, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    change(platform, "capacity_gb", 1)
    monkeypatch.setattr(preconditions, "FILLED", "SELECT 1073741824::bigint")
    refused(NoDiskThere)


def test_a_server_without_an_administrative_address(
    refused: Refused, second: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = second.app.extensions["settings"].model_copy(update={"cluster_admin_urls": {}})
    monkeypatch.setitem(second.app.extensions, "settings", settings)
    refused(NoAdministrativeAddress)


def test_a_server_that_does_not_answer(refused: Refused, second: Second) -> None:
    assert second.services.postgres is not None
    second.services.postgres.stop()
    refused(ClusterUnreachable, reachable=False)


def test_a_wrong_administrative_password(refused: Refused, second: Second, monkeypatch: pytest.MonkeyPatch) -> None:
    with_address(monkeypatch, second, second.services.admin_database_url.replace(":", ":x", 2).replace(":x//", "://"))
    refused(ClusterRefuses)


def test_an_administrative_role_that_may_not_make_databases(
    refused: Refused, second: Second, monkeypatch: pytest.MonkeyPatch, humble: Callable[[str], str]
) -> None:
    with_address(monkeypatch, second, humble("LOGIN"))
    refused(ClusterLacksRights)


def test_an_administrative_role_that_may_not_subscribe(
    refused: Refused, second: Second, monkeypatch: pytest.MonkeyPatch, humble: Callable[[str], str]
) -> None:
    with_address(monkeypatch, second, humble("LOGIN CREATEDB CREATEROLE"))
    refused(ReplicationNotPermitted, "replication")


def test_a_table_without_a_primary_key(refused: Refused, platform: Platform, gamma: str) -> None:
    with platform.admin(gamma) as inside:
        inside.execute("CREATE TABLE notes (words text)")
    refused(NotReplicable, "replication")


def test_a_server_without_a_free_slot(refused: Refused, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditions, "FREE", (("max_replication_slots", "SELECT 1000"),))
    refused(NoFreeSlot, "replication")


def test_a_server_that_the_new_one_does_not_reach(
    refused: Refused, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicating, "hosts_and_ports", lambda _host, _port: ("127.0.0.1", "1"))
    refused(SourceNotReached, "replication")


def test_a_server_that_does_not_write_down_enough(
    second: Second, platform: Platform, gamma: str, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = second.services.postgres
    assert server is not None
    with second.app.app_context():
        move("dump")
        _, database = home_of(gamma)
        with monkeypatch.context() as patched:
            patched.setitem(postgres.SETTINGS, "wal_level", "replica")
            server.stop()
            second.services.revive()
            with pytest.raises(WalLevelTooLow, match="replica"):
                preconditions.check_replication(second.cluster, platform.cluster, database)
        server.stop()
        second.services.revive()


def test_an_older_server_does_not_take_a_newer_ones_database(
    second: Second, platform: Platform, gamma: str, move: Move
) -> None:
    with second.cluster.connect() as there, platform.cluster.connect() as here:
        same = there.info.server_version // 10_000 == here.info.server_version // 10_000
    with second.app.app_context():
        move("dump")
        if same:
            assert make_plan(hospital_id(gamma), "main").to_name == "main"
        else:
            with pytest.raises(TargetOlder):
                make_plan(hospital_id(gamma), "main")


def test_the_method_follows_the_size(
    second: Second, platform: Platform, gamma: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with second.app.app_context():
        assert make_plan(hospital_id(gamma), "second").method == "dump"
        settings = second.app.extensions["settings"].model_copy(update={"move_by_dump_below_mb": 1})
        monkeypatch.setitem(second.app.extensions, "settings", settings)
        plan = make_plan(hospital_id(gamma), "second")
    assert plan.method == "replication"
    assert plan.pause_seconds < plan.seconds + 1
    assert plan.size_bytes > 1024**2


@pytest.fixture
def humble(second: Second) -> Any:
    """`humble("LOGIN")`: the address of a role of the second server that has these attributes and no others."""
    made = []

    def make(attributes: str) -> str:
        with second.cluster.connect() as connection:
            connection.execute(f"CREATE ROLE humble {attributes} PASSWORD 'humble'")
            connection.execute("GRANT CONNECT ON DATABASE postgres TO humble")
            made.append("humble")
        host = second.services.admin_database_url.rpartition("@")[2]
        return f"postgresql://humble:humble@{host}"

    yield make
    with second.cluster.connect() as connection:
        for name in made:
            connection.execute(f"DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")
