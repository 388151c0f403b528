"""Calling screens: setting them up and taking them away, and the screen itself, opened by its own address."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice

from app.core import clock
from app.core.errors import InvalidValue
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.core.permissions import public, requires
from app.domain.identity.permissions import MANAGE_SCREENS
from app.domain.queueing.queries import list_queues, read_screen
from app.domain.queueing.screens import (
    OpenScreen,
    ScreenNotFound,
    create_screen,
    find_screen,
    list_screens,
    revoke_screen,
)
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.tenancy.binding import bound_hospital, needs_revision
from app.web.forms import Form
from app.web.live import declare_holder, stream_to
from app.web.live_hub import Holder
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.screens_index",
    _l("Calling screens"),
    _l("Televisions in waiting areas that show which number is called to which room"),
    MANAGE_SCREENS,
    60,
)
QUEUE = frozenset({"queue"})


class ScreenForm(Form):
    """A new screen: where it hangs, and whose numbers it shows."""

    name = StringField(_l("Where the screen hangs"))
    department = SelectField(_l("Numbers of"))


@hospital.get("/screens")
@requires(MANAGE_SCREENS)
def screens_index() -> Response:
    """List the calling screens."""
    return _list(_form())


@hospital.post("/screens")
@requires(MANAGE_SCREENS)
def screens_create() -> Response:
    """Set a screen up, and show its address this once."""
    form = _form()
    if form.validate_on_submit():
        try:
            token = create_screen(current_actor(), form.name.data or "", parse_id(form.department.data or ""))
        except InvalidValue as error:
            form.add_error(error.field or "name", error)
        else:
            return _list(_form(fresh=True), address=url_for("hospital.screen_show", token=token, _external=True))
    return _list(form)


@hospital.post("/screens/<uuid:screen_id>/revoke")
@requires(MANAGE_SCREENS)
def screens_revoke(screen_id: UUID) -> BaseResponse:
    """Take a screen away: it goes dark."""
    revoke_screen(current_actor(), screen_id)
    flash(_("The screen was taken away. Its address no longer opens anything."), "success")
    return see_other(url_for("hospital.screens_index"))


@hospital.get("/screen/<string:token>")
@public
def screen_show(token: str) -> Response:
    """Show numbers and rooms on a wall; the address itself is the key."""
    opened = _open(token)
    return render(
        "hospital/queue/screen.html",
        block="wall",
        screen=read_screen(opened.department_id),
        address=url_for("hospital.screen_show", token=token),
        stream=url_for("hospital.screen_live", token=token),
        key=opened.department_id or "",
        now=clock.now(),
    )


@hospital.get("/screen/<string:token>/live")
@public
def screen_live(token: str) -> Response:
    """Tell a screen on the wall when a number is called."""
    opened = _open(token)
    holder = Holder(
        bound_hospital().code, "screen", str(opened.id), token, request.remote_addr, frozenset({str(opened.id)})
    )
    return stream_to(holder, QUEUE)


def _hears(holder: Holder) -> frozenset[str]:
    return QUEUE if find_screen(holder.token) is not None else frozenset()


declare_holder("screen", "hospital", _hears)


def _open(token: str) -> OpenScreen:
    needs_revision("h014")
    opened = find_screen(token)
    if opened is None:
        raise ScreenNotFound
    return opened


def _form(*, fresh: bool = False) -> ScreenForm:
    form = ScreenForm(formdata=None) if fresh else ScreenForm()
    every = SelectChoice("", _("All departments"))
    form.department.choices = [every, *(SelectChoice(str(queue.id), queue.name) for queue in list_queues())]
    return form


def _list(form: ScreenForm, address: str | None = None) -> Response:
    needs_revision("h014")
    return render(
        "hospital/screens/index.html",
        form=form,
        screens=list_screens(),
        address=address,
        has_errors=bool(form.errors),
        status=422 if form.errors else 200,
    )
