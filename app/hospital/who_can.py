"""Who can do what: people and permissions beside each other, who holds one permission and by which role, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request

from app.core import clock
from app.core.formats.tables import csv_lines
from app.core.i18n import _l
from app.core.permissions import Permission, list_permissions, requires
from app.domain.identity.permissions import MANAGE_ROLES
from app.domain.identity.roles_export import note_export
from app.domain.identity.who_can import everybody, list_people
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.roles import SCOPE, group_permissions
from app.tenancy.binding import bound_hospital
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render
from app.web.templates import hospital_zone

declare_administration(
    "hospital.who_can_index",
    _l("Who can do what"),
    _l("Everybody who works here, what each may do, and through which role"),
    MANAGE_ROLES,
    25,
)
COLUMNS = ("person", "sign_in_name", "department", "permission", "code", "roles", "scope")


@hospital.get("/who-can-do-what")
@requires(MANAGE_ROLES)
def who_can_index() -> Response:
    """Show people and permissions beside each other."""
    text, permission = _asked()
    page = list_people(text, permission.code if permission else None, request.args.get("page", 1, type=int))
    return render(
        "hospital/who_can/index.html",
        q=text,
        permission=permission,
        permissions=list_permissions("hospital"),
        groups=group_permissions(),
        page=page,
        scopes=SCOPE,
    )


@hospital.get("/who-can-do-what/export")
@requires(MANAGE_ROLES)
@asks_again
def who_can_export() -> Response:
    """Write what everybody may do as CSV, one line for each person and permission."""
    text, permission = _asked()
    note_export(current_actor(), permission.code if permission else None)
    rows = list(_rows(text, permission))
    name = f"{bound_hospital().code}-permissions-{clock.today(hospital_zone()):%Y-%m-%d}.csv"
    response = Response("".join(csv_lines(COLUMNS, rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _asked() -> tuple[str, Permission | None]:
    wanted = request.args.get("permission", "")
    found = next((entry for entry in list_permissions("hospital") if entry.code == wanted), None)
    return request.args.get("q", "").strip(), found


def _rows(text: str, permission: Permission | None) -> Iterator[dict[str, str]]:
    titles = {entry.code: str(entry.title) for entry in list_permissions("hospital")}
    for person in everybody(text, permission.code if permission else None):
        for code, holding in sorted(person.holdings.items()):
            if permission is None or code == permission.code:
                yield {
                    "person": person.full_name,
                    "sign_in_name": person.username,
                    "department": person.department or "",
                    "permission": titles.get(code, code),
                    "code": code,
                    "roles": ", ".join(holding.roles),
                    "scope": str(SCOPE[holding.scope]),
                }
