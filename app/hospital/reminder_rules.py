"""When the hospital's patients are reminded, when nobody is written to, and how the waiting list's offers are made."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue
from app.core.i18n import _, _l
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_REMINDERS
from app.domain.messages.reminder_settings import add_rule, change_settings, list_rules, read_settings, remove_rule
from app.domain.messages.replanning import wake_replanning
from app.hospital import hospital
from app.hospital.administration import declare_administration
from app.hospital.forms.reminders import ReminderSettingsForm, RuleForm
from app.web.principals import current_actor
from app.web.render import render, see_other

declare_administration(
    "hospital.reminder_rules_index",
    _l("Reminders"),
    _l("When patients are reminded of visits, quiet hours, and offers of the waiting list"),
    MANAGE_REMINDERS,
    64,
)


@hospital.get("/reminder-rules")
@requires(MANAGE_REMINDERS)
def reminder_rules_index() -> Response:
    """Show the rules, the quiet hours, and how offers are made."""
    return _show()


@hospital.post("/reminder-rules")
@requires(MANAGE_REMINDERS)
def reminder_rules_add() -> BaseResponse:
    """Add a reminder."""
    form = RuleForm()
    if form.validate_on_submit():
        try:
            add_rule(current_actor(), form.minutes)
        except (InvalidValue, Conflict) as error:
            form.add_error("count", error)
        else:
            return _done()
    return _show(rule_form=form)


@hospital.post("/reminder-rules/<uuid:reminder_rule_id>/remove")
@requires(MANAGE_REMINDERS)
def reminder_rules_remove(reminder_rule_id: UUID) -> BaseResponse:
    """Take a reminder out."""
    remove_rule(current_actor(), reminder_rule_id)
    return _done()


@hospital.post("/reminder-rules/settings")
@requires(MANAGE_REMINDERS)
def reminder_rules_settings() -> BaseResponse:
    """Change quiet hours and offers."""
    form = ReminderSettingsForm()
    if form.validate_on_submit():
        try:
            change_settings(current_actor(), form.version_number, form.settings)
        except (InvalidValue, Conflict) as error:
            form.add_error("quiet_from", error)
        else:
            return _done()
    return _show(settings_form=form)


def _done() -> BaseResponse:
    wake_replanning()
    flash(_("Saved. Reminders of visits that are booked already follow within a minute."), "success")
    return see_other(url_for("hospital.reminder_rules_index"))


def _show(*, rule_form: RuleForm | None = None, settings_form: ReminderSettingsForm | None = None) -> Response:
    failed = any(form is not None and form.errors for form in (rule_form, settings_form))
    settings, version = read_settings()
    return render(
        "hospital/reminder_rules/index.html",
        rules=list_rules(),
        rule_form=rule_form or RuleForm(formdata=None),
        settings_form=settings_form or ReminderSettingsForm(formdata=None, obj=settings, version=str(version)),
        has_errors=failed,
        status=422 if failed else 200,
    )
