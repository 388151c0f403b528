"""The doorstep of the platform and of a hospital."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.tenancy.models import Hospital
from tests.support.client import CheckingClient


def test_the_platform_shows_the_ways_in_and_the_demo_hospitals(app: Flask, client: CheckingClient) -> None:
    with demo_hospitals(app, "alpha"):
        page = client.get("/").get_data(as_text=True)
    assert 'href="/patient/"' in page
    assert 'href="/admin/"' in page
    assert 'href="/h/alpha/hospital/"' in page
    assert "/h/beta/" not in page


def test_a_hospitals_address_shows_its_own_ways_in(client: CheckingClient) -> None:
    page = client.get("/h/alpha/").get_data(as_text=True)
    assert 'href="/h/alpha/patient/"' in page
    assert 'href="/h/alpha/hospital/"' in page
    assert "/admin/" not in page
    assert "beta" not in page


def test_production_names_no_hospital_at_the_door(
    app: Flask, client: CheckingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["settings"].model_copy(update={"environment": "production"})
    monkeypatch.setitem(app.extensions, "settings", settings)
    with demo_hospitals(app, "alpha", "beta"):
        assert "/h/" not in client.get("/").get_data(as_text=True)


@contextmanager
def demo_hospitals(app: Flask, *codes: str) -> Iterator[None]:
    """Let hospitals be demo hospitals for a while."""
    _set_demo(app, codes, True)
    try:
        yield
    finally:
        _set_demo(app, codes, False)


def _set_demo(app: Flask, codes: tuple[str, ...], is_demo: bool) -> None:
    with app.app_context(), unit_of_work() as session:
        session.execute(sa.update(Hospital).where(Hospital.code.in_(codes)).values(is_demo=is_demo))
