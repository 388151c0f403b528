"""Settings of the hospital: buildings, departments, rooms and types of visits, each a list with a page to change one.

The four are alike, so that they are registered from one description of what differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue, Text
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_ORGANISATION
from app.domain.organisation import catalogues
from app.domain.organisation.catalogues import Catalogue, add_entry, change_entry, get_entry, list_entries
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.catalogues import DepartmentForm, EntryForm, FacilityForm, RoomForm, TypeForm
from app.web.principals import current_actor
from app.web.render import render, see_other


@dataclass(frozen=True, slots=True)
class Pages:
    """How a catalogue is shown: its address, words, form, and the columns of its list besides code and name."""

    name: str
    path: str
    argument: str
    catalogue: Catalogue
    title: Text
    description: Text
    new: Text
    form: type[EntryForm]
    columns: tuple[tuple[Text, Callable[[Any], Any]], ...]
    hints: dict[str, Text]

    def address(self, view: str, **values: Any) -> str:
        """Return the address of one of the catalogue's views."""
        return url_for(f"hospital.{self.name}_{view}", **values)


ALL = (
    Pages(
        "departments",
        "departments",
        "department_id",
        catalogues.DEPARTMENTS,
        _l("Departments"),
        _l("Departments in which patients are seen, and which of them can be booked"),
        _l("Add a department"),
        DepartmentForm,
        (
            (_l("Building or branch"), lambda row: row.facility_name),
            (_l("Bookings"), lambda row: _("Yes") if row[0].accepts_bookings else _("No")),
        ),
        {"code": _l("Stands in queue numbers, for example NOI-012.")},
    ),
    Pages(
        "rooms",
        "rooms",
        "room_id",
        catalogues.ROOMS,
        _l("Rooms"),
        _l("Rooms in which patients are seen; one doctor at a time"),
        _l("Add a room"),
        RoomForm,
        (
            (_l("Department"), lambda row: row.department_name),
            (_l("Floor"), lambda row: row[0].floor),
            (_l("In use"), lambda row: _("No") if row[0].closed_at else _("Yes")),
        ),
        {},
    ),
    Pages(
        "facilities",
        "facilities",
        "facility_id",
        catalogues.FACILITIES,
        _l("Buildings and branches"),
        _l("Where the hospital's departments and rooms are"),
        _l("Add a building or branch"),
        FacilityForm,
        (
            (_l("Address"), lambda row: row[0].address),
            (_l("In use"), lambda row: _("No") if row[0].closed_at else _("Yes")),
        ),
        {},
    ),
    Pages(
        "visit_types",
        "visit-types",
        "type_id",
        catalogues.TYPES,
        _l("Types of visits"),
        _l("How long each type of visit takes, and how many of it a doctor has on one day"),
        _l("Add a type of visit"),
        TypeForm,
        (
            (_l("Minutes"), lambda row: row[0].minutes),
            (_l("Most a day"), lambda row: row[0].daily_capacity or _("No limit")),
            (_l("Department"), lambda row: row.department_name or _("All departments")),
            (_l("In use"), lambda row: _("No") if row[0].closed_at else _("Yes")),
        ),
        {
            "minutes": _l("A visit takes as many whole slots of the doctor's hours as it needs."),
            "daily_capacity": _l("Leave empty for no limit."),
            "department_id": _l("Leave empty for all departments."),
        },
    ),
)


def _register(pages: Pages, position: int) -> None:
    """Add the four views of a catalogue, and its card in the administration."""
    declare_administration(
        f"hospital.{pages.name}_index", pages.title, pages.description, MANAGE_ORGANISATION, position
    )

    @requires(MANAGE_ORGANISATION)
    def index() -> Response:
        """List what is set up, and ask for more."""
        return _list(pages, pages.form(formdata=None).offer())

    @requires(MANAGE_ORGANISATION)
    def create() -> BaseResponse:
        """Set up something new."""
        form = pages.form().offer()
        if form.validate_on_submit():
            try:
                add_entry(current_actor(), pages.catalogue, form.facts())
            except InvalidValue as error:
                form.add_error("code", error)
            else:
                flash(_("Added."), "success")
                return see_other(pages.address("index"))
        return _list(pages, form)

    @requires(MANAGE_ORGANISATION)
    def edit(**argument: Any) -> Response:
        """Show something that is to be changed."""
        entry = get_entry(pages.catalogue, argument[pages.argument])
        return _show(pages, entry, pages.form(formdata=None).offer(entry).show(entry))

    @requires(MANAGE_ORGANISATION)
    def update(**argument: Any) -> BaseResponse:
        """Change it, unless somebody else has meanwhile."""
        entry_id = argument[pages.argument]
        form = pages.form().offer(get_entry(pages.catalogue, entry_id))
        if form.validate_on_submit():
            try:
                change_entry(current_actor(), pages.catalogue, entry_id, form.version_number, form.facts())
            except (InvalidValue, Conflict) as error:
                form.add_error("code", error)
                return _show(pages, get_entry(pages.catalogue, entry_id), form, error.status)
            flash(_("Saved."), "success")
            return see_other(pages.address("index"))
        return _show(pages, get_entry(pages.catalogue, entry_id), form, 422)

    one = f"/{pages.path}/<uuid:{pages.argument}>"
    hospital.add_url_rule(f"/{pages.path}", f"{pages.name}_index", index)
    hospital.add_url_rule(f"/{pages.path}", f"{pages.name}_create", create, methods=["POST"])
    hospital.add_url_rule(f"{one}/edit", f"{pages.name}_edit", edit)
    hospital.add_url_rule(one, f"{pages.name}_update", update, methods=["POST"])


def _list(pages: Pages, form: EntryForm) -> Response:
    page = list_entries(pages.catalogue, request.args.get("page", 1, type=int))
    return render(
        "hospital/catalogues/index.html",
        pages=pages,
        form=form,
        fields=[field for field in _fields(form) if field.name != "closed"],
        page=page,
        rows=page.items,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )


def _show(pages: Pages, entry: Any, form: EntryForm, status: int = 200) -> Response:
    return render(
        "hospital/catalogues/edit.html",
        pages=pages,
        form=form,
        fields=_fields(form),
        entry=entry,
        has_errors=status >= 400,
        status=status,
    )


def _fields(form: EntryForm) -> list[Any]:
    """Return what a person fills in, the place in lists last."""
    shown = [field for name, field in form._fields.items() if name not in ("csrf_token", "version", "position")]
    return [*shown, form.position]


for _number, _pages in enumerate(ALL):
    _register(_pages, 30 + _number)
