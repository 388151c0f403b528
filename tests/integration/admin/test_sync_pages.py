"""What operators see of syncing: the fleet, one hospital, usage; comparing by hand; the notice to hospitals."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.unit_of_work import unit_of_work
from app.domain.centre.handing_down import hand_down
from app.domain.centre.reconciling import reconcile
from app.domain.centre.relaying import relay_events
from app.domain.centre.usage import tell_usage
from app.tenancy.configuration import LONGEST_NOTICE, find_notice
from app.tenancy.ledger.performing import perform
from app.tenancy.models import Operation, OperatorRole, Reconciliation
from tests.integration.carrying.conftest import Witness, witness  # noqa: F401 (a fixture)
from tests.integration.jobs.test_sync import central, entries, register
from tests.support.platform import ACTOR, Platform
from tests.support.queries import count_queries


@pytest.fixture
def carried(app: Flask, bound, alpha: str, witness: Witness) -> str:  # noqa: F811
    """A hospital with two patients in the index, one of them lost there since, compared and counted."""
    with bound(alpha):
        register()
        register()
    with app.app_context():
        relay_events(alpha)
        tell_usage(alpha)
        reconcile(ACTOR, alpha)
    return alpha


def test_the_pages_show_runs_comparisons_consumers_and_usage(app: Flask, carried: str, sign_in_operator) -> None:
    browser = sign_in_operator()
    page = browser.get("/admin/sync").text
    assert f"/admin/hospitals/{carried}/sync" in page
    with count_queries() as seen:
        page = browser.get(f"/admin/hospitals/{carried}/sync").text
    assert len(seen) <= 12
    for words in ("witness", "Khớp", "Đối chiếu", "2"):
        assert words in page
    assert "Alpha" in browser.get("/admin/usage").text


def test_a_comparison_by_hand_is_long_work_that_mends(
    app: Flask, platform: Platform, carried: str, sign_in_operator
) -> None:
    browser = sign_in_operator()
    with platform.admin() as connection:
        connection.execute("DELETE FROM patient_index")
    for _ in range(2):  # the second shows the first
        response = browser.submit(f"/admin/hospitals/{carried}/sync/compare", page=f"/admin/hospitals/{carried}/sync")
        assert response.status_code == 303
    (operation,) = central(app, sa.select(Operation))
    with app.app_context():
        assert perform(operation.id)["mended"] == 2
    assert len(entries(app)) == 2
    assert "Vận hành Thử" in {row.asked_by for row in central(app, sa.select(Reconciliation))}
    page = browser.get(f"/admin/hospitals/{carried}/sync").text
    assert "Lệch" in page


def test_who_may_only_look_cannot_ask(carried: str, sign_in_operator) -> None:
    browser = sign_in_operator(OperatorRole.SUPPORT)
    assert browser.get(f"/admin/hospitals/{carried}/sync").status_code == 200
    for url in (f"/admin/hospitals/{carried}/sync/compare", "/admin/configuration"):
        assert browser.post(url).status_code in (400, 403)


def test_a_notice_is_written_corrected_and_too_long_is_refused(app: Flask, alpha: str, sign_in_operator) -> None:
    browser = sign_in_operator()
    refused = browser.submit("/admin/configuration", {"text": "x" * (LONGEST_NOTICE + 1)})
    assert refused.status_code == 422
    assert browser.submit("/admin/configuration", {"text": "Bảo trì tối thứ Bảy"}).status_code == 303
    page = browser.get("/admin/configuration").text
    assert "Bảo trì tối thứ Bảy" in page
    assert alpha in page, "it does not have it yet"
    with app.app_context(), unit_of_work():
        notice = find_notice()
        assert notice is not None
        assert notice.value is not None


def test_staff_see_the_notice(app: Flask, alpha: str, sign_in_operator, sign_in_staff) -> None:
    sign_in_operator().submit("/admin/configuration", {"text": "Bảo trì tối thứ Bảy"})
    with app.app_context():
        hand_down(alpha)
    page = sign_in_staff(alpha, "administrator").get(f"/h/{alpha}/hospital/administration")
    assert "Bảo trì tối thứ Bảy" in page.text
