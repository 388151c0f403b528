"""Where a hospital's database is, and having it moved to another server."""

from __future__ import annotations

from flask import Response, current_app, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.moving import MoveForm
from app.admin.tabs import declare_tab
from app.admin.words import REGIONS
from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MOVE_HOSPITALS, VIEW_HOSPITALS
from app.tenancy import queries
from app.tenancy.models import Hospital
from app.tenancy.moving.errors import MoveRefused
from app.tenancy.moving.moving import request_move
from app.tenancy.moving.queries import find_place, list_destinations
from app.tenancy.swapping import list_retired
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_tab("admin.moves_new", _l("Database"), VIEW_HOSPITALS, 36)


@admin.get("/hospitals/<string:code>/database")
@requires(VIEW_HOSPITALS)
def moves_new(code: str) -> Response:
    """Show where a hospital's database is, and ask where it is to go."""
    hospital = queries.get_hospital(code)
    return _page(hospital, _form(hospital))


@admin.post("/hospitals/<string:code>/database")
@requires(MOVE_HOSPITALS)
def moves_create(code: str) -> BaseResponse:
    """Have a hospital's database moved; what the servers lack is said on the page of the work."""
    hospital = queries.get_hospital(code)
    form = _form(hospital)
    if not form.validate():
        return _page(hospital, form, 422)
    try:
        wanted = request_move(current_actor(), code, form.cluster.data, form.method.data)
    except (InvalidValue, MoveRefused) as error:
        form.add_error("cluster", error)
        return _page(hospital, form, 422)
    return see_other(url_for("admin.operations_show", operation_id=wanted.id))


def _form(hospital: Hospital) -> MoveForm:
    form = MoveForm(code=hospital.code)
    form.offer(
        [
            (
                row.name,
                _(
                    "%(name)s — %(region)s, %(count)s of %(limit)s hospitals",
                    name=row.name,
                    region=REGIONS.get(row.region, row.region),
                    count=row.hospitals,
                    limit=row.capacity,
                ),
            )
            for row in list_destinations(hospital.id)
        ]
    )
    return form


def _page(hospital: Hospital, form: MoveForm, status: int = 200) -> Response:
    settings = current_app.extensions["settings"]
    return render(
        "admin/moving/new.html",
        status=status,
        has_errors=status != 200,
        subject=hospital,
        form=form,
        place=find_place(hospital.id),
        check=next(iter(queries.list_checks(hospital.id, limit=1)), None),
        retired=list_retired(hospital.id),
        threshold_mb=settings.move_by_dump_below_mb,
        days=settings.retired_days,
    )
