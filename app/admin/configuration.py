"""What the platform hands down to every hospital: the notice to staff, and which hospitals do not have it yet."""

from __future__ import annotations

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.admin import admin
from app.admin.forms.configuration import NoticeForm
from app.admin.words import ACTIONS
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_OPERATIONS, VIEW_HOSPITALS
from app.tenancy.configuration import announce, find_notice, list_behind
from app.web.menu import declare_menu
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_menu("admin.configuration_show", _l("Notice to hospitals"), "bell", VIEW_HOSPITALS, 26)
ACTIONS["configuration.change"] = _l("Notice to hospitals changed")


@admin.get("/configuration")
@requires(VIEW_HOSPITALS)
def configuration_show() -> Response:
    """Show the notice and who does not have it yet."""
    notice = find_notice()
    text = (notice.value or {}).get("text", "") if notice else ""
    return _show(NoticeForm(formdata=None, data={"text": text}))


@admin.post("/configuration")
@requires(MANAGE_OPERATIONS)
def configuration_update() -> BaseResponse:
    """Change the notice; hospitals have it within seconds."""
    form = NoticeForm()
    if not form.validate():
        return _show(form, 422)
    announce(current_actor(), form.text.data or "")
    flash(_("The notice is on its way to every hospital."), "success")
    return see_other(url_for("admin.configuration_show"))


def _show(form: NoticeForm, status: int = 200) -> Response:
    return render(
        "admin/sync/configuration.html",
        status=status,
        has_errors=status != 200,
        form=form,
        notice=find_notice(),
        behind=list_behind(),
    )
