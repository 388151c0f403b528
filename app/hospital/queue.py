"""The queue of a department: who waits, calling the next or again, who did not come; and its screen on the wall."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core import clock
from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import requires
from app.domain.identity.permissions import CALL_PATIENTS, SHOW_QUEUE, VIEW_APPOINTMENTS, WRITE_RECORDS
from app.domain.queueing.models import QueueTicket
from app.domain.queueing.queries import last_room, list_queues, read_board, read_screen
from app.domain.queueing.rules import LONG_WAIT, read_priority, ticket_code
from app.domain.queueing.tickets import (
    call_next,
    call_ticket,
    change_priority,
    finish_ticket,
    miss_ticket,
    queue_again,
)
from app.hospital import hospital
from app.hospital.queue_words import PRIORITY, PRIORITY_TONE
from app.tenancy.binding import needs_revision
from app.web.menu import declare_menu
from app.web.principals import current_actor, find_principal
from app.web.render import render, see_other

declare_menu("hospital.queue_index", _l("Waiting line"), "clock", VIEW_APPOINTMENTS, 15)

OWN, ALL = "own", "all"


@hospital.get("/queue")
@requires(VIEW_APPOINTMENTS)
def queue_index() -> Response:
    """Show who waits in a department; `poll=1` refreshes the board without counting as use."""
    return _show()


@hospital.post("/queue/call-next")
@requires(CALL_PATIENTS)
def queue_call_next() -> BaseResponse:
    """Call who comes next into a room."""
    department_id, whose = parse_id(request.form.get("department", "")), request.form.get("whose", ALL)
    if department_id is None:
        return _show(error=InvalidValue(_("Choose a department."), field="department"))
    room = request.form.get("room", "")
    try:
        ticket = call_next(current_actor(), department_id, room, doctor_id=_own_id() if whose == OWN else None)
    except (InvalidValue, Conflict) as error:
        return _show(error=error, room=room)
    flash(_("Called: %(code)s, %(room)s.", code=_code_of(ticket), room=ticket.room), "success")
    return see_other(url_for("hospital.queue_index", department=department_id, whose=whose))


@hospital.post("/queue/<uuid:ticket_id>/call")
@requires(CALL_PATIENTS)
def queue_call(ticket_id: UUID) -> BaseResponse:
    """Call one number, or call it again."""
    actor = current_actor()
    try:
        ticket = call_ticket(actor, ticket_id, _version(), request.form.get("room") or last_room(actor))
    except InvalidValue as error:
        return _show(error=error)
    flash(_("Called: %(code)s, %(room)s.", code=_code_of(ticket), room=ticket.room), "success")
    return _back()


@hospital.post("/queue/<uuid:ticket_id>/miss")
@requires(CALL_PATIENTS)
def queue_miss(ticket_id: UUID) -> BaseResponse:
    """Note that who was called did not come."""
    miss_ticket(current_actor(), ticket_id, _version())
    return _back()


@hospital.post("/queue/<uuid:ticket_id>/done")
@requires(CALL_PATIENTS)
def queue_done(ticket_id: UUID) -> BaseResponse:
    """Note that who was called has come."""
    finish_ticket(current_actor(), ticket_id, _version())
    return _back()


@hospital.post("/queue/<uuid:ticket_id>/return")
@requires(CALL_PATIENTS)
def queue_return(ticket_id: UUID) -> BaseResponse:
    """Let somebody wait again."""
    queue_again(current_actor(), ticket_id, _version())
    return _back()


@hospital.post("/queue/<uuid:ticket_id>/priority")
@requires(CALL_PATIENTS)
def queue_priority(ticket_id: UUID) -> BaseResponse:
    """Let a number be called earlier or later."""
    wanted = read_priority(request.form.get("priority", ""))
    if wanted is None:
        return _show(error=InvalidValue(_("Choose from what the page offers."), field="priority"))
    change_priority(current_actor(), ticket_id, _version(), wanted)
    return _back()


@hospital.get("/queue/screen")
@requires(SHOW_QUEUE)
def queue_screen() -> Response:
    """Show the calling screen to somebody signed in: numbers and rooms, nobody's name."""
    needs_revision("h014")
    department_id = parse_id(request.args.get("department", ""))
    return render(
        "hospital/queue/screen.html",
        block="wall",
        screen=read_screen(department_id),
        address=url_for("hospital.queue_screen", department=department_id),
        stream=url_for("hospital.live"),
        key=department_id or "",
        now=clock.now(),
    )


def _show(error: Exception | None = None, room: str | None = None) -> Response:
    needs_revision("h014")
    actor, person = current_actor(), find_principal()
    assert person is not None
    queues = list_queues()
    wanted = parse_id(request.values.get("department", "")) or person.signed_in.department_id
    chosen = next((queue for queue in queues if queue.id == wanted), queues[0] if queues else None)
    is_doctor = person.may(WRITE_RECORDS.code)
    whose = request.values.get("whose", OWN if is_doctor else ALL)
    of_doctor = _own_id() if is_doctor and whose == OWN else None
    return render(
        "hospital/queue/index.html",
        block="board" if request.args.get("poll") == "1" else "content",
        status=getattr(error, "status", 200),
        queues=queues,
        chosen=chosen,
        queue_tabs=[
            (q.name, url_for("hospital.queue_index", department=q.id, whose=whose), q is chosen, q.waiting)
            for q in queues
        ],
        board=read_board(actor, chosen.id, doctor_id=of_doctor) if chosen else None,
        whose=whose,
        is_doctor=is_doctor,
        room=room if room is not None else last_room(actor),
        error=error,
        has_errors=error is not None,
        code_of=ticket_code,
        long_ago=clock.now() - LONG_WAIT,
        priorities=PRIORITY,
        tones=PRIORITY_TONE,
    )


def _code_of(ticket: QueueTicket) -> str:
    found = next((queue for queue in list_queues() if queue.id == ticket.department_id), None)
    return ticket_code(found.code, ticket.number) if found else str(ticket.number)


def _own_id() -> UUID | None:
    person = find_principal()
    return person.id if person else None


def _version() -> int:
    return request.form.get("version", 0, type=int)


def _back() -> BaseResponse:
    department_id = parse_id(request.form.get("department", ""))
    return see_other(url_for("hospital.queue_index", department=department_id, whose=request.form.get("whose")))
