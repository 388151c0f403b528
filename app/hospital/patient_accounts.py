"""Patients' accounts in the patient portal: given by e-mail or on paper, closed, opened again, unlocked."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.closing import disable_account, enable_account, unlock_account
from app.domain.identity.invitations import LASTS, find_open_invitation
from app.domain.identity.letters import link_to, usable_address
from app.domain.identity.patient_accounts import find_patient_account, get_patient_account, give_access, print_access
from app.domain.identity.permissions import MANAGE_PATIENT_ACCOUNTS, VIEW_PATIENTS
from app.domain.identity.second_factor import factors_of, reset_second_factor
from app.domain.identity.staff_queries import state_of
from app.domain.patients.queries import PatientRow, open_patient
from app.hospital import hospital
from app.hospital.forms.staff import ReasonForm
from app.hospital.staff import STATES
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.qr import qr_image
from app.web.render import render, see_other


@hospital.get("/patients/<uuid:patient_id>/portal-access")
@requires(VIEW_PATIENTS, MANAGE_PATIENT_ACCOUNTS)
def patient_accounts_show(patient_id: UUID) -> Response:
    """Show whether a patient can sign in, and what can be done about it."""
    return _show(_open(patient_id))


@hospital.post("/patients/<uuid:patient_id>/portal-access/invite")
@requires(VIEW_PATIENTS, MANAGE_PATIENT_ACCOUNTS)
@asks_again
def patient_accounts_invite(patient_id: UUID) -> BaseResponse:
    """Send a link by e-mail; what was sent or printed before ends."""
    patient = _open(patient_id)
    try:
        give_access(current_actor(), patient_id)
    except (InvalidValue, Conflict) as error:
        flash(error.message, "danger")
    else:
        flash(_("An invitation is on its way to %(address)s.", address=patient.email), "success")
    return _back(patient_id)


@hospital.post("/patients/<uuid:patient_id>/portal-access/print")
@requires(VIEW_PATIENTS, MANAGE_PATIENT_ACCOUNTS)
@asks_again
def patient_accounts_print(patient_id: UUID) -> BaseResponse:
    """Show the sheet that is printed and handed over; its code is shown this once."""
    patient = _open(patient_id)
    code = print_access(current_actor(), patient_id)
    address = link_to("patient", f"invitation/{code.replace('-', '')}")
    return render(
        "hospital/patient_accounts/sheet.html",
        patient=patient,
        code=code,
        qr=qr_image(address),
        page_address=link_to("patient", "invitation"),
        days=LASTS.days,
    )


@hospital.post("/patients/<uuid:patient_id>/portal-access/disable")
@requires(VIEW_PATIENTS, MANAGE_PATIENT_ACCOUNTS)
@asks_again
def patient_accounts_disable(patient_id: UUID) -> BaseResponse:
    """Close the account at once."""
    patient, form = _open(patient_id), ReasonForm()
    try:
        if not form.validate():
            return _show(patient, disabling=form, status=422)
        disable_account(current_actor(), get_patient_account(patient_id), form.reason.data)
    except InvalidValue as error:
        form.add_error("reason", error)
        return _show(patient, disabling=form, status=422)
    flash(_("The account is disabled, and signed out everywhere."), "success")
    return _back(patient_id)


@hospital.post("/patients/<uuid:patient_id>/portal-access/enable")
@requires(VIEW_PATIENTS, MANAGE_PATIENT_ACCOUNTS)
@asks_again
def patient_accounts_enable(patient_id: UUID) -> BaseResponse:
    """Open a closed account again."""
    _open(patient_id)
    enable_account(current_actor(), get_patient_account(patient_id))
    flash(_("The account is enabled."), "success")
    return _back(patient_id)


@hospital.post("/patients/<uuid:patient_id>/portal-access/unlock")
@requires(VIEW_PATIENTS, MANAGE_PATIENT_ACCOUNTS)
def patient_accounts_unlock(patient_id: UUID) -> BaseResponse:
    """Let the patient try again at once."""
    _open(patient_id)
    unlock_account(current_actor(), get_patient_account(patient_id))
    flash(_("The next sign-in need not wait any more."), "success")
    return _back(patient_id)


@hospital.post("/patients/<uuid:patient_id>/portal-access/reset-second-factor")
@requires(VIEW_PATIENTS, MANAGE_PATIENT_ACCOUNTS)
@asks_again
def patient_accounts_reset_factor(patient_id: UUID) -> BaseResponse:
    """Take the second factor away from a patient who lost it and stands at the desk."""
    patient, form = _open(patient_id), ReasonForm(prefix="reset")
    try:
        if not form.validate():
            return _show(patient, resetting=form, status=422)
        reset_second_factor(current_actor(), get_patient_account(patient_id), form.reason.data)
    except InvalidValue as error:
        form.add_error("reason", error)
        return _show(patient, resetting=form, status=422)
    flash(_("The second factor is taken away. The patient signs in with the password."), "success")
    return _back(patient_id)


def _open(patient_id: UUID) -> PatientRow:
    """Return the patient, as far as this person may see one, and write down that they looked."""
    return open_patient(current_actor(), patient_id, "patient.portal_access", MANAGE_PATIENT_ACCOUNTS)


def _back(patient_id: UUID) -> BaseResponse:
    return see_other(url_for("hospital.patient_accounts_show", patient_id=patient_id))


def _show(
    patient: PatientRow, *, disabling: ReasonForm | None = None, resetting: ReasonForm | None = None, status: int = 200
) -> Response:
    account = find_patient_account(patient.id)
    return render(
        "hospital/patient_accounts/show.html",
        patient=patient,
        account=account,
        state=state_of(account) if account else None,
        states=STATES,
        invitation=find_open_invitation(account) if account else None,
        factors=factors_of(account) if account else None,
        has_address=usable_address(patient.email) is not None,
        disabling=disabling or ReasonForm(formdata=None),
        resetting=resetting or ReasonForm(formdata=None, prefix="reset"),
        has_errors=status >= 400,
        status=status,
    )
