"""What a process remembers of the hospitals is never older than the last word that something changed."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.models import Hospital, HospitalStatus
from app.tenancy.registry import Registry


def test_what_changed_while_it_was_read_is_read_again(app: Flask, alpha: str, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(app.extensions["tenancy"].registry._keyring, trusted_seconds=3600)
    read, status = registry._read, sa.update(Hospital).where(Hospital.code == alpha)

    def read_just_before_a_change(condition: Any) -> Any:
        found = read(condition)
        with unit_of_work() as session:
            session.execute(status.values(status=HospitalStatus.SUSPENDED))
        registry.forget()
        return found

    with app.app_context():
        with monkeypatch.context() as patched:
            patched.setattr(registry, "_read", read_just_before_a_change)
            assert registry.get_by_code(alpha).status is HospitalStatus.ACTIVE
        assert registry.get_by_code(alpha).status is HospitalStatus.SUSPENDED
        monkeypatch.setattr(registry, "_read", lambda _condition: pytest.fail("it is trusted now"))
        assert registry.get_by_code(alpha).status is HospitalStatus.SUSPENDED
