"""The front door of all hospitals: who is it, to which hospital do they want, and over to that one.

Between its steps it remembers ids only, in its own signed cookie, for five minutes at most.
"""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from flask import current_app, flash, redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.config import Settings
from app.core import clock
from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.permissions import public
from app.domain.identity.front_door import Choice, begin_hand_off, check_everywhere, hospital_name
from app.patient import patient
from app.patient.forms.sign_in import PatientSignInForm
from app.tenancy.binding import find_bound_hospital
from app.tenancy.errors import UnknownHospital
from app.web.binding import at_front_door
from app.web.forms import Form
from app.web.principals import current_actor
from app.web.render import render, see_other
from app.web.security import account_key, limiter, sign_ins_per_address

REMEMBERED_SECONDS = 300
KEY = "front_door"


class Remembered(TypedDict):
    """What the front door's cookie says: until when, and the account at each hospital."""

    until: float
    accounts: dict[str, str]


@patient.route("/", methods=["GET", "POST"])
@at_front_door
@public
@limiter.limit(sign_ins_per_address, methods=["POST"])
@limiter.limit("10/minute", key_func=account_key, methods=["POST"])
def index() -> BaseResponse:
    """Ask who it is; at a hospital, go to the first page, where who is not signed in is asked."""
    if find_bound_hospital() is not None:
        return see_other(url_for("patient.home"))
    form = PatientSignInForm()
    if form.validate_on_submit():
        index_key = current_app.extensions["blind_index"]
        try:
            choices = check_everywhere(index_key, form.username.data, form.password.data)
        except InvalidValue as error:
            form.add_error("password", error)
        else:
            return _go_in(choices)
    return render("patient/front_door/index.html", form=form, status=422 if form.errors else 200)


@patient.route("/choose-hospital", methods=["GET", "POST"])
@at_front_door
@public
@limiter.limit(sign_ins_per_address, methods=["POST"])
def choose_hospital() -> BaseResponse:
    """Let somebody whom several hospitals know say to which one they want."""
    if find_bound_hospital() is not None:
        return see_other(url_for("patient.home"))
    accounts = _remembered()
    if not accounts:
        flash(_("For your safety, please sign in once more."), "info")
        return see_other(url_for("patient.index"))
    form = Form()
    code = request.form.get("hospital", "")
    if form.validate_on_submit() and code in accounts:
        return _hand_over(code, UUID(accounts[code]))
    hospitals = sorted((_name_of(code) or code, code) for code in accounts)
    return render("patient/front_door/choose_hospital.html", form=form, hospitals=hospitals)


def _go_in(choices: list[Choice]) -> BaseResponse:
    if len(choices) == 1:
        return _hand_over(choices[0].code, choices[0].account_id)
    session[KEY] = Remembered(
        until=clock.now().timestamp() + REMEMBERED_SECONDS,
        accounts={choice.code: str(choice.account_id) for choice in choices},
    )
    return see_other(url_for("patient.choose_hospital"))


def _remembered() -> dict[str, str]:
    kept: Remembered | None = session.get(KEY)
    if kept is None or kept["until"] < clock.now().timestamp():
        session.pop(KEY, None)
        return {}
    return kept["accounts"]


def _hand_over(code: str, account_id: UUID) -> BaseResponse:
    """Send the browser to the hospital by POST: a GET must not begin a session."""
    token = begin_hand_off(current_actor(), code, account_id)
    session.pop(KEY, None)
    return redirect(f"{_address_of(code)}/patient/hand-off?{urlencode({'token': token})}", code=307)


def _address_of(code: str) -> str:
    """Return the address of a hospital: its own host in host mode, else the path below this one."""
    settings: Settings = current_app.extensions["settings"]
    if settings.hospital_host_suffix is None:
        return f"{request.script_root}/h/{code}"
    base = urlsplit(settings.base_url)
    port = f":{base.port}" if base.port else ""
    return f"{base.scheme}://{code}.{settings.hospital_host_suffix}{port}"


def _name_of(code: str) -> str | None:
    try:
        return hospital_name(code)
    except UnknownHospital:
        return None
