"""Nothing of one hospital is seen from the other: every route, with the other's staff and patients, by equal ids.

Both hospitals hold the same small world under identical ids; only the words differ. What carries a word of the wrong
hospital has leaked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.factories.people import PASSWORD
from tests.support.client import CheckingClient
from tests.support.platform import Platform
from tests.support.world import CANARY, ROLES, World, build_world

SKIPPED = ("health.",)
ENDS_THE_SESSION = "sign_out"
HOMES = {"operator": "/admin/hospitals", "patient": "/h/beta/patient/home", "other patient": "/h/beta/patient/home"}


def values_for(rule: Rule, world: World) -> dict[str, Any]:
    """Return the world's object for every argument of a route; fails for an argument that nobody has named yet."""
    by_name: dict[str, Any] = {
        "appointment_id": world.signed_id,
        "patient_id": world.patient_id,
        "record_id": world.draft_record_id,
        "diagnosis_id": world.diagnosis_id,
        "prescription_id": world.prescription_id,
        "item_id": world.item_id,
        "vitals_id": world.vital_signs_id,
        "allergy_id": world.allergy_id,
        "department_id": world.department_id,
        "doctor_id": world.staff["doctor"],
        "medicine_id": world.medicine_id,
        "hospital_id": world.patient_id,
        "operation_id": world.patient_id,
        "backup_id": world.patient_id,
        "name": str(world.patient_id),
        "token": "no-token-of-any-invitation",
        "code": "alpha",
        "portal": rule.rule.split("/")[1] if rule.endpoint != "web.set_locale" else "hospital",
    }
    unknown = set(rule.arguments) - set(by_name)
    assert not unknown, f"{rule.rule} takes {unknown}: name its object in tests/integration/test_isolation.py"
    return {name: by_name[name] for name in rule.arguments}


def routes(app: Flask, world: World) -> Iterator[tuple[str, str, str]]:
    """Yield (endpoint, method, path) of every route, pointing at objects of the world."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(SKIPPED) or rule.endpoint.endswith(ENDS_THE_SESSION):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, adapter.build(rule.endpoint, values_for(rule, world), method=method)


@pytest.fixture
def worlds(platform: Platform, bound: Callable[[str], Any], alpha: str, beta: str) -> dict[str, World]:
    """The two small worlds."""
    made = {}
    for code in (alpha, beta):
        with bound(code):
            made[code] = build_world(code)
    return made


def browsers_of(app: Flask, world: World) -> dict[str, CheckingClient]:
    """Return one signed-in browser for each kind of person of a hospital."""
    found = {}
    for role in ROLES:
        found[role] = _sign_in(app, f"/h/{world.code}/hospital/sign-in", role)
    for name, cccd in (("patient", world.cccd), ("other patient", world.other_cccd)):
        found[name] = _sign_in(app, f"/h/{world.code}/patient/sign-in", cccd)
    return found


def test_both_worlds_have_the_same_ids(worlds: dict[str, World]) -> None:
    assert worlds["alpha"].patient_id == worlds["beta"].patient_id
    assert worlds["alpha"].staff == worlds["beta"].staff


def test_no_route_shows_the_other_hospitals_words(
    app: Flask, worlds: dict[str, World], sign_in_operator: Callable[[], CheckingClient]
) -> None:
    """Every person of beta and an operator ask alpha's every address, and beta's own with alpha's ids."""
    people = browsers_of(app, worlds["beta"]) | {"operator": sign_in_operator()}
    tokens = {name: browser.csrf_token(HOMES.get(name, "/h/beta/hospital/today")) for name, browser in people.items()}
    people["nobody"], tokens["nobody"] = app.test_client(), ""
    asked = 0
    for endpoint, method, path in routes(app, worlds["alpha"]):
        for name, browser in people.items():
            for prefix in ("/h/alpha", "/h/beta", ""):
                response = browser.open(prefix + path, method=method, headers={"X-CSRFToken": tokens[name]})
                words = response.get_data(as_text=True) + str(response.headers)
                assert worlds["alpha"].canary not in words, f"{name} of beta: {method} {prefix}{path} ({endpoint})"
                if name in ("operator", "nobody"):
                    assert CANARY not in words, f"{name}: {method} {prefix}{path} ({endpoint})"
                asked += 1
    assert asked > 500


def test_a_session_of_one_hospital_is_nobody_at_the_other(app: Flask, worlds: dict[str, World]) -> None:
    """The same cookie, renamed as the other hospital's, opens nothing there."""
    for code, portal, username in (("beta", "hospital", "doctor"), ("beta", "patient", worlds["beta"].cccd)):
        browser = _sign_in(app, f"/h/{code}/{portal}/sign-in", username)
        cookie = browser.get_cookie(f"vien-{portal}-{code}", path=f"/h/{code}")
        assert cookie is not None
        for other, elsewhere in (("alpha", portal), ("beta", "patient" if portal == "hospital" else "hospital")):
            thief = app.test_client()
            thief.set_cookie(f"vien-{elsewhere}-{other}", cookie.value, path=f"/h/{other}")
            home = "today" if elsewhere == "hospital" else "home"
            response = thief.get(f"/h/{other}/{elsewhere}/{home}")
            assert response.status_code == 303
            assert "/sign-in" in response.headers["Location"]


def test_a_patient_sees_nothing_of_another_patient(app: Flask, worlds: dict[str, World]) -> None:
    """The second patient of the same hospital asks every patient address with the first one's ids."""
    world = worlds["alpha"]
    other = _sign_in(app, "/h/alpha/patient/sign-in", world.other_cccd)
    for endpoint, method, path in routes(app, world):
        if not endpoint.startswith("patient."):
            continue
        text = other.open("/h/alpha" + path, method=method).get_data(as_text=True)
        for word in (f"Bệnh {world.canary} Một", f"Lý do {world.canary}", f"Penicillin {world.canary}"):
            assert word not in text, f"{method} {path} ({endpoint})"


def test_every_page_comes_whole_and_as_a_fragment(app: Flask, worlds: dict[str, World]) -> None:
    """Every GET route answers both ways with the same words for the person who may see it."""
    people = browsers_of(app, worlds["alpha"])
    shown: set[str] = set()
    for endpoint, method, path in routes(app, worlds["alpha"]):
        if method != "GET" or not endpoint.startswith(("hospital.", "patient.")):
            continue
        for browser in people.values():
            whole = browser.get("/h/alpha" + path)
            if whole.status_code != 200 or whole.mimetype != "text/html":
                continue
            shown.add(endpoint)
            fragment = browser.get("/h/alpha" + path, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
            assert "<html" in whole.text
            assert fragment.status_code == 200
            assert "<html" not in fragment.text
            restored = browser.get(
                "/h/alpha" + path,
                headers={"HX-Request": "true", "HX-History-Restore-Request": "true", "HX-Request-Type": "full"},
            )
            assert "<html" in restored.text
    assert len(shown) > 8


def _sign_in(app: Flask, url: str, username: str) -> CheckingClient:
    browser: CheckingClient = app.test_client()  # type: ignore[assignment]
    page = browser.get(url).get_data(as_text=True)
    name = "username" if 'name="username"' in page else "identifier"
    response = browser.submit(url, {name: username, "password": PASSWORD})
    assert response.status_code == 303, response.get_data(as_text=True)
    return browser
