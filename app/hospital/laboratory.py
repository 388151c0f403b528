"""The laboratory's worklist: what is to be collected, entered and verified, and critical values nobody took note of."""

from __future__ import annotations

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Forbidden, InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import (
    COLLECT_SPECIMENS,
    ENTER_RESULTS,
    VERIFY_RESULTS,
    VIEW_APPOINTMENTS,
    VIEW_RESULTS,
)
from app.domain.laboratory.importing import Imported, import_results
from app.domain.laboratory.inbox import list_unacknowledged
from app.domain.laboratory.noting import TOPIC
from app.domain.laboratory.worklist import NEEDS, Work, list_work
from app.hospital import hospital, lab_words
from app.hospital.forms.laboratory import ImportForm
from app.web.live import declare_topic
from app.web.menu import declare_menu_when
from app.web.principals import Principal, current_actor, find_principal
from app.web.render import render, see_other

LABORATORY = (COLLECT_SPECIMENS, ENTER_RESULTS, VERIFY_RESULTS)
declare_topic("hospital", TOPIC, VIEW_APPOINTMENTS)
declare_menu_when(
    "hospital.laboratory_index",
    _l("Laboratory"),
    "flask-conical",
    lambda person: any(person.may(permission.code) for permission in LABORATORY),
    30,
)


def works_in_laboratory(person: Principal) -> bool:
    """Tell whether it is somebody's day's work to measure."""
    return person.may(ENTER_RESULTS.code)


@hospital.get("/laboratory")
@requires(VIEW_RESULTS)
def laboratory_index() -> Response:
    """Show what is to be done next; `poll=1` refreshes the list without counting as use."""
    person = find_principal()
    assert person is not None
    offered = [work for work in Work if person.may(NEEDS[work].code)]
    if not offered:
        raise Forbidden
    asked = request.args.get("work", "")
    work = Work(asked) if asked in {one.value for one in offered} else _first(person, offered)
    urgent = request.args.get("urgent") == "1"
    actor = current_actor()
    worklist = list_work(actor, work, urgent_only=urgent, page=request.args.get("page", 1, type=int))
    critical = list_unacknowledged(actor, VERIFY_RESULTS) if person.may(VERIFY_RESULTS.code) else []
    return render(
        "hospital/laboratory/index.html",
        block="worklist" if request.args.get("poll") == "1" else "content",
        work=work,
        offered=offered,
        urgent=urgent,
        worklist=worklist,
        critical=critical,
        lab=lab_words,
    )


@hospital.get("/laboratory/import")
@requires(ENTER_RESULTS)
def laboratory_import() -> Response:
    """Ask for a table of results."""
    return _show_import(ImportForm())


@hospital.post("/laboratory/import")
@requires(ENTER_RESULTS)
def laboratory_import_results() -> BaseResponse:
    """Enter the results of a table, or say what would come of it; rows that are wrong are named."""
    form = ImportForm()
    content = form.read() if form.validate_on_submit() else None
    if content is None:
        return _show_import(form)
    only_check = request.form.get("act") == "check"
    try:
        done = import_results(current_actor(), content, only_check=only_check)
    except InvalidValue as error:
        form.add_error("file", error)
        return _show_import(form)
    if only_check or done.refused:
        return _show_import(form, done, only_check=only_check)
    flash(_("%(values)s values of %(reports)s tests are entered.", values=done.values, reports=done.reports), "success")
    return see_other(url_for("hospital.laboratory_index", work=Work.VERIFY.value))


def _first(person: Principal, offered: list[Work]) -> Work:
    """Return the work that somebody begins with: in the laboratory to enter, elsewhere to collect."""
    return Work.ENTER if works_in_laboratory(person) else offered[0]


def _show_import(form: ImportForm, done: Imported | None = None, *, only_check: bool = False) -> Response:
    return render(
        "hospital/laboratory/import.html",
        form=form,
        done=done,
        only_check=only_check,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )
