"""Every error becomes one page, in the reader's language, with the request id: generic outside, complete in the log."""

from __future__ import annotations

import psycopg
from flask import Flask, Response, current_app, flash, request, session, url_for
from flask_babel import force_locale
from flask_limiter.errors import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response as BaseResponse

from app.core.db import db
from app.core.errors import (
    Conflict,
    Forbidden,
    InvalidValue,
    NotFound,
    NotSignedIn,
    StaleVersion,
    TooManyAttempts,
    Unavailable,
    VienError,
)
from app.core.i18n import _, _l
from app.core.logging import get_logger
from app.domain.patients.errors import RegistrationClosed
from app.tenancy.binding import find_bound_hospital
from app.tenancy.errors import HospitalSuspended, HospitalUnavailable, RegistryUnavailable, WrongDatabase
from app.tenancy.registry import HospitalEntry
from app.web.binding import closed_hospital, request_id
from app.web.gateway import note_refused
from app.web.i18n import current_language
from app.web.noting import note_denied
from app.web.render import render, see_other
from app.web.security import seconds_to_wait
from app.web.sessions import portal_of
from app.web.targets import page_before

log = get_logger(__name__)


class BadRequest(VienError):
    status = 400
    title = _l("This request could not be understood")
    default_message = _l("The address or the form is not complete.")
    remedy = _l("Go back, reload the page and try again.")


class FormExpired(BadRequest):
    title = _l("This form has expired")
    default_message = _l("The form was open for too long, or cookies are switched off. Nothing was changed.")
    remedy = _l("Go back, reload the page and send the form again.")


class WrongMethod(VienError):
    status = 405
    title = _l("This page cannot be used that way")
    default_message = _l("The page does not accept this kind of request.")


class TooLarge(VienError):
    status = 413
    title = _l("This is too large")
    default_message = _l("What was sent is larger than the system accepts. Nothing was changed.")
    remedy = _l("Go back: long texts are still there. Then send less text, or a smaller file.")


HTTP_ERRORS: dict[int, type[VienError]] = {
    400: BadRequest,
    401: NotSignedIn,
    403: Forbidden,
    404: NotFound,
    405: WrongMethod,
    409: Conflict,
    413: TooLarge,
    422: InvalidValue,
    503: Unavailable,
}


def init_errors(app: Flask) -> None:
    """Map every kind of error to its page."""
    app.register_error_handler(NotSignedIn, _ask_to_sign_in)
    app.register_error_handler(Forbidden, _forbidden)
    app.register_error_handler(VienError, show)
    app.register_error_handler(CSRFError, lambda _error: show(FormExpired()))
    app.register_error_handler(RateLimitExceeded, _rate_limited)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(StaleDataError, lambda _error: show(StaleVersion()))
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(PoolTimeout, _database)
    app.register_error_handler(WrongDatabase, _database)
    app.register_error_handler(Exception, _unexpected)


def show(error: VienError) -> Response:
    """Return the page of an error."""
    hospital = closed_hospital()
    if isinstance(error, HospitalSuspended) and hospital is not None:
        return _closed(error, hospital)
    retry_after = getattr(error, "retry_after", None)
    response = render(
        "errors/error.html",
        status=error.status,
        status_code=error.status,
        title=error.title,
        message=error.message,
        remedy=error.remedy,
        retry_after=retry_after,
        request_id=request_id(),
    )
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _forbidden(error: Forbidden) -> Response:
    """Show the page, and write down that somebody tried."""
    db.session.rollback()
    try:
        note_denied()
    except DBAPIError as failure:  # the refusal stands without its note
        log.error("refusal not noted", error=_first_line(failure))
    return show(error)


def _closed(error: HospitalSuspended, hospital: HospitalEntry) -> Response:
    """Say in two languages that a hospital is suspended or archived: its people cannot choose one there any more."""
    other = "en" if current_language() == "vi" else "vi"
    with force_locale(other):
        elsewhere = {
            "lang": other,
            "title": str(error.title),
            "message": str(error.message),
            "remedy": str(error.remedy),
        }
    response = render(
        "errors/closed.html",
        status=error.status,
        name=hospital.display_name,
        error=error,
        other=elsewhere,
        contact=current_app.extensions["settings"].support_contact,
        request_id=request_id(),
    )
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    if request.headers.get("HX-Request") == "true":
        response.headers["HX-Refresh"] = "true"  # the page that the part was for is not to stay open
    return response


def _ask_to_sign_in(error: NotSignedIn) -> BaseResponse:
    """Send a reader to the sign-in page and back afterwards; tell a writer that nothing was saved."""
    db.session.rollback()
    portal = portal_of(request)
    if portal is None:
        return show(error)
    if request.method in ("GET", "HEAD"):
        asked = request.script_root + request.full_path.rstrip("?")
        wanted = page_before() if request.headers.get("HX-Request") == "true" else None
        return see_other(url_for(f"{portal}.sign_in", next=wanted or asked))
    session["expired"] = True
    flash(_("Your session has ended, so nothing was saved. Sign in, then send the form again."), "alert")
    return see_other(url_for(f"{portal}.sign_in", next=page_before()))


def _rate_limited(error: RateLimitExceeded) -> Response:
    """Say when it is worth trying again, and write down whom it hit."""
    db.session.rollback()
    note_refused(
        "rate", kind="sign_in.throttled" if (request.endpoint or "").endswith(".sign_in") else "gateway.refused"
    )
    return show(TooManyAttempts(seconds_to_wait(error)))


def _http(error: HTTPException) -> BaseResponse:
    if error.code is not None and error.code < 400:
        moved = error.get_response()
        moved.set_data("")
        return moved
    code = error.code or 500
    response = show(HTTP_ERRORS.get(code, BadRequest if code < 500 else VienError)())
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.allow.update(error.valid_methods)
    return response


def _database(error: Exception) -> Response:
    """A database that does not answer is a 503 for its own hospital; a statement that is wrong is our mistake."""
    db.session.rollback()
    if isinstance(error, DataError):
        log.warning("a value that no column takes", path=request.path, error=_first_line(error))
        return show(BadRequest())
    if _constraint(error) in ("patient_is_not_closed", "patient_is_not_erased"):
        return show(RegistrationClosed())
    if not _is_unreachable(error):
        return _unexpected(error)
    log.error("database unreachable", error=_first_line(error))
    return show(HospitalUnavailable() if find_bound_hospital() else RegistryUnavailable())


def _constraint(error: Exception) -> str | None:
    """Return the name of what a statement broke, where it broke a rule of the database."""
    diagnosis = getattr(getattr(error, "orig", None), "diag", None)
    return getattr(diagnosis, "constraint_name", None)


def _is_unreachable(error: Exception) -> bool:
    if isinstance(error, PoolTimeout | WrongDatabase | InterfaceError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    timed_out = isinstance(error.orig, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled)
    return timed_out or getattr(error.orig, "sqlstate", None) is None or _is_down(error)


def _is_down(error: OperationalError) -> bool:
    """Class 08 connection, 53 resources, 57 operator intervention, 3D000 no such database."""
    state: str = getattr(error.orig, "sqlstate", "") or ""
    return state[:2] in ("08", "53", "57") or state == "3D000"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _unexpected(error: Exception) -> Response:
    log.error("unexpected error", path=request.path, exc_info=error)
    return show(VienError(remedy=_l("Please try again. If it happens again, tell support the request number.")))
