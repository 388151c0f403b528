"""What is to be done after a commit is done then, once, and not at all after a rollback."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.after_commit import after_commit
from app.core.db import db
from app.core.unit_of_work import unit_of_work
from app.tenancy.models import Hospital


def test_actions_run_in_their_order_once_it_is_committed(app: Flask) -> None:
    done: list[str] = []
    with app.app_context():
        with unit_of_work() as session:
            session.scalar(sa.select(sa.func.count()).select_from(Hospital))
            after_commit(lambda: done.append("first"))
            with session.begin_nested():
                after_commit(lambda: done.append("in a savepoint"))
            assert done == []
        assert done == ["first", "in a savepoint"]
        with unit_of_work():
            pass
    assert done == ["first", "in a savepoint"]


def test_a_rollback_drops_them(app: Flask) -> None:
    done: list[str] = []
    with app.app_context():
        with pytest.raises(KeyError), unit_of_work():
            after_commit(lambda: done.append("never"))
            raise KeyError
        with unit_of_work():
            pass
    assert done == []


def test_a_savepoint_that_is_rolled_back_drops_its_own(app: Flask) -> None:
    done: list[str] = []
    with app.app_context(), unit_of_work() as session:
        after_commit(lambda: done.append("outside"))
        with pytest.raises(KeyError), session.begin_nested():
            with session.begin_nested():
                after_commit(lambda: done.append("released inside what was rolled back"))
            after_commit(lambda: done.append("inside"))
            raise KeyError
    assert done == ["outside"]


def test_an_action_that_fails_undoes_nothing_and_stops_none(app: Flask) -> None:
    done: list[str] = []
    with app.app_context(), unit_of_work():
        after_commit(lambda: int("no number"))
        after_commit(lambda: done.append("next"))
    assert done == ["next"]


def test_an_action_may_use_the_session(app: Flask) -> None:
    seen: list[object] = []
    with app.app_context(), unit_of_work():
        after_commit(lambda: seen.append(db.session.scalar(sa.select(Hospital.code).order_by(Hospital.code))))
    assert seen == ["alpha"]
