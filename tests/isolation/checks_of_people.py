"""What must hold between people, each a sentence that fails when its guard is taken away (`guards.py`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa

from app.core import clock
from app.core.crypto import CannotDecrypt
from app.core.db import db
from app.core.ids import hash_token
from app.core.unit_of_work import unit_of_work
from app.domain.identity import totp
from app.domain.identity.front_door import HandOffRefused, begin_hand_off, redeem_hand_off
from app.domain.identity.models import StaffSession, StaffUser
from app.domain.patients.models import Patient, Sex
from app.domain.support.models import SupportGrant
from app.tenancy.binding import bind_hospital
from tests.factories.people import PASSWORD
from tests.isolation import people, removals
from tests.isolation.asking import Stage, portal_of, routes, undone
from tests.isolation.objects import Whose, patients_arguments
from tests.isolation.people import Person
from tests.support.authenticator import TOTP_SECRET
from tests.support.fixed_ids import fixed_id
from tests.support.platform import ACTOR, Platform
from tests.support.world_access import GRANTED

HOME = "hospital.today"


class Broken(Exception):
    """What the checks raise."""


def queries_ask_whose_rows_they_are(stage: Stage, platform: Platform) -> None:
    """With the database's own row security out of the way, no patient's page shows another's."""
    with removals.no_row_security():
        _ask_for_the_others(stage)


def a_forgotten_condition_shows_nothing(stage: Stage, platform: Platform) -> None:
    """Though every query forgot whose rows are meant, the database shows a patient nobody else's."""
    with removals.no_owner_conditions(stage, platform):
        _ask_for_the_others(stage)


def _ask_for_the_others(stage: Stage) -> None:
    before = len(stage.leaks)
    patient = stage.by_portal["patient"][0]
    with undone():
        for rule, method in routes(stage.app):
            if portal_of(rule) == "patient" and method == "GET":
                whose = Whose.OTHER_PATIENT if patients_arguments(rule) else Whose.OWN
                stage.ask(patient, rule, method, whose)
    found = stage.leaks[before:]
    del stage.leaks[before:]
    assert found == []


def a_nurse_does_not_register_patients(stage: Stage, _platform: Platform) -> None:
    assert _ask(stage, "nurse", "hospital.patients_new") == 403
    assert _ask(stage, "receptionist", "hospital.patients_new") == 200


def a_record_of_somebody_elses_patient_stays_closed(stage: Stage, _platform: Platform) -> None:
    assert _ask(stage, "doctor", "hospital.consultations_show", whose=Whose.OTHER_PATIENT) == 403
    assert _ask(stage, "doctor", "hospital.consultations_show") == 200


def a_session_of_one_hospital_is_nobody_at_the_other(stage: Stage, _platform: Platform) -> None:
    """Not even where the other hospital happens to know the same token, and the cookie is signed for it."""
    token = _token(stage)
    with stage.app.app_context(), bind_hospital("alpha"), unit_of_work() as session:
        session.execute(
            sa.update(StaffSession).values(token_hash=None).where(StaffSession.token_hash == hash_token(token))
        )
        row = session.scalars(sa.select(StaffSession).limit(1)).first()
        assert row is not None
        row.token_hash = hash_token(token)
    name, value = people.cookie(stage.app, Person("thief", "hospital", "alpha", {"_user_id": f"hospital:beta:{token}"}))
    response = stage.app.test_client(use_cookies=False).get(
        "/h/alpha/hospital/today", headers={"Cookie": f"{name}={value}"}
    )
    assert response.status_code == 303
    assert "/sign-in" in response.headers["Location"]


def a_cookie_under_another_name_is_none(stage: Stage, _platform: Platform) -> None:
    """What a visitor of one hospital carries, a form's token even, counts for nothing at the other."""
    stranger = people.anonymous("hospital", "alpha")
    headers = {"Cookie": people.cookies(stage.app, stranger, "hospital", "beta"), "X-CSRFToken": stage.token}
    response = stage.app.test_client(use_cookies=False).post("/h/beta/hospital/sign-in", headers=headers)
    assert response.status_code == 400


def a_session_that_has_ended_is_over(stage: Stage, _platform: Platform) -> None:
    assert _ask_as_gone(stage, "signed out") == 303


def a_session_left_idle_is_over(stage: Stage, _platform: Platform) -> None:
    assert _ask_as_gone(stage, "idle") == 303


def a_disabled_account_is_out(stage: Stage, _platform: Platform) -> None:
    assert _ask_as_gone(stage, "disabled") == 303


def _ask_as_gone(stage: Stage, name: str) -> int:
    person = next(person for person in stage.gone["hospital"] if person.name == name)
    rule, method = _route(stage, HOME)
    return stage.ask(person, rule, method)


def a_form_without_its_token_is_refused(stage: Stage, _platform: Platform) -> None:
    assert _post(stage, "/h/beta/hospital/sign-in", people.anonymous("hospital", "beta")) == 400
    assert _post(stage, "/h/beta/hospital/patients", _person(stage, "receptionist")) == 400


def _post(stage: Stage, url: str, person: Person) -> int:
    headers = {"Cookie": people.cookies(stage.app, person, person.portal, person.hospital)}
    return stage.app.test_client(use_cookies=False).post(url, headers=headers).status_code


def a_page_that_is_read_writes_nothing(stage: Stage, platform: Platform) -> None:
    def write() -> str:
        db.session.add(Patient(full_name="Written by a GET", born_on=clock.now().date(), sex=Sex.FEMALE))
        return "written"

    real = stage.app.view_functions[HOME]
    write.__dict__.update(real.__dict__)
    stage.app.view_functions[HOME] = write
    try:
        assert _ask(stage, "doctor", HOME) == 500
    finally:
        stage.app.view_functions[HOME] = real
        stage.failures.clear()
    with platform.admin("beta") as connection:
        assert connection.execute("SELECT count(*) FROM patients WHERE full_name LIKE 'Written%'").fetchone() == (0,)


def a_password_alone_opens_nothing(stage: Stage, _platform: Platform) -> None:
    _enrol(stage, "nurse")
    browser: Any = stage.app.test_client()
    browser.authenticator = None
    response = browser.submit("/h/beta/hospital/sign-in", {"username": "nurse", "password": PASSWORD})
    assert "/second-factor" in response.headers["Location"]
    assert browser.get("/h/beta/hospital/today").status_code == 303


def a_code_works_once(stage: Stage, _platform: Platform) -> None:
    _enrol(stage, "nurse")
    code, keyring = pyotp.TOTP(TOTP_SECRET).at(clock.now()), stage.app.extensions["keyring"]

    def accepted() -> bool:
        with stage.app.app_context(), bind_hospital("beta"), unit_of_work() as session:
            return totp.accept_code(keyring, session.get_one(StaffUser, stage.worlds["here"].staff["nurse"]), code)

    assert [accepted(), accepted()] == [True, False]


def a_sensitive_act_asks_again(stage: Stage, _platform: Platform) -> None:
    """Whoever proved long ago who they are gets the page that asks, not the act."""
    person = _person(stage, "administrator")
    with stage.app.app_context(), bind_hospital("beta"), unit_of_work() as session:
        long_ago = clock.now() - timedelta(hours=5)
        mine = StaffSession.staff_id == stage.worlds["here"].staff["administrator"]
        session.execute(sa.update(StaffSession).where(mine).values(proven_at=long_ago))
    rule, method = _route(stage, "hospital.browsers_end_others", "POST")
    with undone():
        response = stage.send(person, rule, method)
    assert response.status_code == 403
    assert "proof_password" in response.text


def support_has_no_account_inside_a_hospital(stage: Stage, _platform: Platform) -> None:
    assert _ask(stage, "support with access", "hospital.patients_index") == 200
    assert _ask(stage, "support with access", "hospital.account") == 403


def support_is_out_when_the_hospital_ends_it(stage: Stage, _platform: Platform) -> None:
    grant_id = fixed_id(GRANTED)
    with stage.app.app_context(), bind_hospital("beta"), unit_of_work() as session:
        session.get_one(SupportGrant, grant_id).ended_at = clock.now()
    try:
        assert _ask(stage, "support with access", "hospital.patients_index") == 303
    finally:
        with stage.app.app_context(), bind_hospital("beta"), unit_of_work() as session:
            session.get_one(SupportGrant, grant_id).ended_at = None


def a_sealed_value_opens_nowhere_else(stage: Stage, _platform: Platform) -> None:
    """The secret of one account, copied into another's row, opens nothing."""
    _enrol(stage, "nurse")
    with stage.app.app_context(), bind_hospital("beta"), unit_of_work() as session:
        nurse, doctor = (session.get_one(StaffUser, stage.worlds["here"].staff[name]) for name in ("nurse", "doctor"))
        for column in ("totp_ciphertext", "totp_nonce", "totp_key_id"):
            setattr(doctor, column, getattr(nurse, column))
        with pytest.raises(CannotDecrypt):
            totp.accept_code(stage.app.extensions["keyring"], doctor, "000000")
        session.rollback()


def a_hand_off_works_once(stage: Stage, _platform: Platform) -> None:
    def redeem() -> None:
        with stage.app.app_context(), bind_hospital("beta"), unit_of_work():
            redeem_hand_off(token)

    with stage.app.app_context():
        token = begin_hand_off(ACTOR, "beta", stage.worlds["here"].patient.account_id)
    redeem()
    with pytest.raises(HandOffRefused):
        redeem()


def _enrol(stage: Stage, name: str) -> None:
    with stage.app.app_context(), bind_hospital("beta"), unit_of_work() as session:
        account = session.get_one(StaffUser, stage.worlds["here"].staff[name])
        totp.enrol(stage.app.extensions["keyring"], account, TOTP_SECRET)


def _token(stage: Stage) -> str:
    return _person(stage, "doctor").session["_user_id"].rpartition(":")[2]


def _person(stage: Stage, name: str) -> Person:
    return next(person for person in stage.by_portal["hospital"] if person.name == name)


def _route(stage: Stage, endpoint: str, method: str = "GET") -> Any:
    return next(each for each in routes(stage.app) if (each[0].endpoint, each[1]) == (endpoint, method))


def _ask(stage: Stage, name: str, endpoint: str, *, whose: Whose = Whose.OWN) -> int:
    rule, method = _route(stage, endpoint)
    return stage.ask(_person(stage, name), rule, method, whose)
