"""Long work: what is asked for, how far it is, how it ended; taking it up again, cancelling it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Response, make_response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.core import clock
from app.core.i18n import _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_OPERATIONS, VIEW_HOSPITALS
from app.tenancy import queries
from app.tenancy.ledger.queries import ShownOperation, get_operation, list_operations, title_of
from app.tenancy.ledger.requests import cancel_operation, retry_operation
from app.tenancy.models import OperationState
from app.tenancy.paging import page_number
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other, wants_fragment

WORKER_EXPECTED = timedelta(seconds=25)
GIVEN_UP = timedelta(hours=12)

declare_menu("admin.operations_index", _l("Operations"), "activity", VIEW_HOSPITALS, 20)


@admin.get("/operations")
@requires(VIEW_HOSPITALS)
def operations_index() -> Response:
    """List long work, the newest first."""
    state = request.args.get("state", "")
    code = request.args.get("hospital", "")
    return render(
        "admin/operations/index.html",
        operations=list_operations(
            hospital_id=queries.get_hospital(code).id if code else None,
            state=OperationState(state) if state in set(OperationState) else None,
            page=page_number(request.args.get("page")),
        ),
        state=state,
        code=code,
        title_of=title_of,
    )


@admin.get("/operations/<uuid:operation_id>")
@requires(VIEW_HOSPITALS)
def operations_show(operation_id: UUID) -> Response:
    """Show one piece of long work; the page follows it while it moves."""
    shown = get_operation(operation_id)
    return render("admin/operations/show.html", operation=shown, following=follow_state(shown))


@admin.get("/operations/<uuid:operation_id>/progress")
@requires(VIEW_HOSPITALS)
def operations_progress(operation_id: UUID) -> BaseResponse:
    """Show how far it is; htmx is told to load the whole page once there is nothing to wait for."""
    shown = get_operation(operation_id)
    if wants_fragment() and not shown.moving:
        response = make_response("", 204)
        response.headers["HX-Refresh"] = "true"
        return response
    return render("admin/operations/progress.html", operation=shown, following=follow_state(shown))


@admin.post("/operations/<uuid:operation_id>/retry")
@requires(MANAGE_OPERATIONS)
def operations_retry(operation_id: UUID) -> BaseResponse:
    """Have it go on where it stopped."""
    retry_operation(current_actor(), operation_id)
    return see_other(url_for("admin.operations_show", operation_id=operation_id))


@admin.post("/operations/<uuid:operation_id>/cancel")
@requires(MANAGE_OPERATIONS)
def operations_cancel(operation_id: UUID) -> BaseResponse:
    """Have it stop at its next safe point."""
    cancel_operation(current_actor(), operation_id)
    return see_other(url_for("admin.operations_show", operation_id=operation_id))


def follow_state(shown: ShownOperation) -> dict[str, bool]:
    """Say whether a page should ask again, and whether no worker has come for longer than one takes."""
    age = clock.now() - shown.row.requested_at
    return {
        "asks_again": shown.moving and age < GIVEN_UP,
        "waits_for_worker": shown.row.state is OperationState.QUEUED and age > WORKER_EXPECTED,
    }
