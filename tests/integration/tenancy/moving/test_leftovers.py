"""A slot of a move that nobody knows any more is found, and dropped when that is asked for."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from app.core.unit_of_work import unit_of_work
from app.tenancy.credentials.orphans import SLOT, Orphan, drop_orphans, find_orphans
from app.tenancy.ledger.requests import cancel_operation
from app.tenancy.moving.slots import drop_slot, name_of
from tests.integration.tenancy.moving.conftest import Second, ask, left_on
from tests.support.platform import ACTOR, Platform


@pytest.fixture
def slot(platform: Platform, second: Second, gamma: str) -> Iterator[str]:
    """A slot that a dead installation's move has left on gamma's database."""
    name = f"vien_mv_{secrets.token_hex(16)}"
    with platform.admin(gamma) as inside:
        inside.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
    yield name
    drop_slot(platform.cluster, name)


def slots_of_ours(name: str) -> list[Orphan]:
    """Another test process may be moving a hospital of its own on the same server."""
    return [orphan for orphan in find_orphans() if (orphan.kind, orphan.name) == (SLOT, name)]


def test_a_forgotten_slot_is_an_orphan_and_dropped(platform: Platform, second: Second, gamma: str, slot: str) -> None:
    with second.app.app_context():
        found = slots_of_ours(slot)
        assert [(orphan.server, orphan.name, orphan.whose) for orphan in found] == [("main", slot, gamma)]
        drop_orphans(ACTOR, found)
        assert left_on(platform.cluster, platform.databases[gamma]) == {}


def test_a_slot_of_a_move_that_waits_is_no_orphan(platform: Platform, second: Second, gamma: str) -> None:
    with second.app.app_context():
        operation_id = ask(gamma)
        name = name_of(operation_id)
        with platform.admin(gamma) as inside:
            inside.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
        try:
            assert slots_of_ours(name) == []
            with unit_of_work():
                cancel_operation(ACTOR, operation_id)
            assert [orphan.name for orphan in slots_of_ours(name)] == [name]
        finally:
            drop_slot(platform.cluster, name)
