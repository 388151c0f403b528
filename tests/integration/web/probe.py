"""Pages that answer with every error, and that write before they fail."""

from __future__ import annotations

from typing import Any, NoReturn

import sqlalchemy as sa
from flask import Blueprint, abort, request
from sqlalchemy.orm.exc import StaleDataError

from app.core.actor import Actor, ActorKind
from app.core.db import db
from app.core.errors import Conflict, Forbidden, InvalidValue, NotFound, TooManyAttempts, Unavailable
from app.core.permissions import public, requires
from app.core.unit_of_work import apart
from app.domain.audit.operations import record_change
from app.domain.identity.permissions import VIEW_APPOINTMENTS
from app.domain.patients.models import Patient
from app.tenancy.binding import bound_hospital
from app.tenancy.models import SyncCursor
from app.web.guards import guard
from app.web.render import render
from tests.factories import make_patient

SECRET = "postgresql://web:hunter2@db/vien"
ERRORS: dict[str, Any] = {
    "400": lambda: abort(400),
    "403": Forbidden,
    "404": NotFound,
    "409": Conflict,
    "410": lambda: abort(410),
    "413": lambda: abort(413),
    "415": lambda: abort(415),
    "422": InvalidValue,
    "429": lambda: TooManyAttempts(7),
    "500": lambda: ZeroDivisionError(SECRET),
    "503": Unavailable,
    "stale": lambda: StaleDataError(SECRET),
}


def make_probe() -> Blueprint:
    """Return the pages, under /hospital/probe."""
    probe = Blueprint("probe", __name__, url_prefix="/hospital/probe")
    guard(probe)

    @probe.route("/error/<kind>", methods=["GET", "POST"])
    @public
    def error(kind: str) -> NoReturn:
        raise ERRORS[kind]()

    @probe.get("/only-get")
    @public
    def only_get() -> str:
        return "got"

    @probe.post("/form")
    @public
    def form() -> str:
        return request.form.get("text", "")

    @probe.post("/write/<outcome>")
    @public
    def write(outcome: str) -> Any:
        patient = make_patient()
        actor = Actor(ActorKind.SYSTEM, None, "probe")
        record_change(actor, "patient.register", subject_type="patient", subject_id=patient.id, event={})
        if outcome == "raise":
            raise ZeroDivisionError(SECRET)
        if outcome == "across":
            db.session.add(SyncCursor(hospital_id=bound_hospital().id, consumer="probe", updated_at=sa.func.now()))
        if outcome == "across-by-statement":
            db.session.execute(sa.update(SyncCursor).values(position=1))
        if outcome == "terminated":
            db.session.execute(sa.select(sa.func.pg_terminate_backend(sa.func.pg_backend_pid())).select_from(Patient))
        if outcome == "at-commit":
            db.session.add(Patient(full_name=None))  # type: ignore[arg-type]
        return "written", int(outcome) if outcome.isdigit() else 200

    @probe.get("/read/<way>")
    @public
    def read(way: str) -> str:
        if way == "object":
            make_patient()
        elif way == "changed":
            db.session.scalars(sa.select(Patient)).one().full_name = "changed"
            db.session.flush()
        elif way == "statement":
            db.session.execute(sa.update(Patient).values(full_name="changed"))
        elif way == "leftover":
            db.session.scalars(sa.select(Patient)).one().full_name = "changed"
        return "read"

    @probe.get("/count")
    @public
    def count() -> str:
        return str(db.session.scalar(sa.select(sa.func.count()).select_from(Patient)))

    @probe.get("/canaries")
    @public
    def canaries() -> str:
        return " ".join(db.session.scalars(sa.select(Patient.full_name)))

    @probe.post("/private")
    @requires(VIEW_APPOINTMENTS)
    def private() -> str:
        return "private"

    @probe.get("/slow")
    @public
    def slow() -> str:
        with apart() as session:  # for this transaction alone: a pooler gives the session to somebody else afterwards
            session.execute(
                sa.select(sa.func.set_config("statement_timeout", "50", True)).select_from(Patient).limit(1)
            )
            session.execute(sa.select(sa.func.pg_sleep(30), sa.func.count(Patient.id)))
        return "never"

    @probe.get("/page")
    @public
    def page() -> Any:
        return render("landing/show.html")

    for view in (form, write, error):
        view.proves_itself = True  # type: ignore[attr-defined]
    return probe
