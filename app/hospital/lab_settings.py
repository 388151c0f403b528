"""The laboratory's rules: when patients see their results."""

from __future__ import annotations

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_LAB_CATALOGUE
from app.domain.laboratory.settings import change_lab_settings, read_lab_settings
from app.hospital import hospital
from app.hospital.forms.lab_catalogue import LabSettingsForm
from app.web.principals import current_actor
from app.web.render import render, see_other


@hospital.get("/laboratory/settings")
@requires(MANAGE_LAB_CATALOGUE)
def lab_settings_edit() -> Response:
    """Show when patients see their results."""
    settings, version = read_lab_settings()
    data = {"release": settings.release.value, "hours": settings.hours, "version": str(version)}
    return _show(LabSettingsForm(formdata=None, data=data))


@hospital.post("/laboratory/settings")
@requires(MANAGE_LAB_CATALOGUE)
def lab_settings_change() -> BaseResponse:
    """Change when patients see their results, for what is verified from now on."""
    form = LabSettingsForm()
    if form.validate_on_submit():
        try:
            change_lab_settings(current_actor(), form.version_number, form.read())
        except InvalidValue as error:
            form.add_error("hours", error)
        else:
            flash(_("The laboratory's rules are saved."), "success")
            return see_other(url_for("hospital.lab_catalogue_index"))
    return _show(form)


def _show(form: LabSettingsForm) -> Response:
    failed = bool(form.errors)
    return render("hospital/laboratory/settings.html", form=form, has_errors=failed, status=422 if failed else 200)
