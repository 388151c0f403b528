"""The hospital's own words for messages, with a preview as a patient would read them."""

from __future__ import annotations

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import InvalidValue, NotFound, StaleVersion
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_MESSAGES
from app.domain.messages import words
from app.domain.messages.models import Channel
from app.domain.messages.wording import (
    Edited,
    Preview,
    get_wording,
    list_wordings,
    preview,
    save_wording,
    use_shipped,
)
from app.hospital import hospital
from app.hospital.forms.messages import WordingForm
from app.web.principals import current_actor
from app.web.render import render, see_other


@hospital.get("/messages/words")
@requires(MANAGE_MESSAGES)
def messages_wordings() -> Response:
    """List what the hospital may word for itself."""
    return render("hospital/messages/wordings.html", lines=list_wordings(), said=words)


@hospital.get("/messages/words/<string(maxlength=40):template>/<any(email,sms,push):channel>/<any(vi,en):locale>")
@requires(MANAGE_MESSAGES)
def messages_wording_edit(template: str, channel: str, locale: str) -> Response:
    """Show a message's words, and how they read."""
    found = get_wording(template, _channel(channel), locale)
    form = WordingForm(formdata=None, data={"subject": found.subject, "body": found.body, "version": found.version})
    return _show(found, form, preview(template, found.channel, locale, found.subject, found.body))


@hospital.post("/messages/words/<string(maxlength=40):template>/<any(email,sms,push):channel>/<any(vi,en):locale>")
@requires(MANAGE_MESSAGES)
def messages_wording_save(template: str, channel: str, locale: str) -> BaseResponse:
    """Use other words from now on, or only show how they would read."""
    found, form = get_wording(template, _channel(channel), locale), WordingForm()
    subject, body = form.subject.data or "", form.body.data or ""
    shown: Preview | None = None
    if form.validate_on_submit():
        try:
            shown = preview(template, found.channel, locale, subject, body)
            if request.form.get("act") == "preview":
                return _show(found, form, shown)
            save_wording(
                current_actor(),
                template,
                found.channel,
                locale,
                subject=subject,
                body=body,
                version=form.version.data,
            )
        except (InvalidValue, StaleVersion) as error:
            form.add_error("body", error)
        else:
            flash(_("These words are used from now on."), "success")
            return see_other(url_for("hospital.messages_wordings"))
    return _show(found, form, shown, status=422)


@hospital.post(
    "/messages/words/<string(maxlength=40):template>/<any(email,sms,push):channel>/<any(vi,en):locale>/shipped"
)
@requires(MANAGE_MESSAGES)
def messages_wording_reset(template: str, channel: str, locale: str) -> BaseResponse:
    """Use the words again that come with the system."""
    use_shipped(current_actor(), template, _channel(channel), locale, request.form.get("version", 0, type=int))
    flash(_("The words that come with the system are used again."), "success")
    return see_other(url_for("hospital.messages_wordings"))


def _show(found: Edited, form: WordingForm, shown: Preview | None, *, status: int = 200) -> Response:
    return render(
        "hospital/messages/wording.html",
        status=status,
        found=found,
        form=form,
        shown=shown,
        said=words,
        has_errors=status >= 400,
    )


def _channel(text: str) -> Channel:
    if text not in set(Channel):
        raise NotFound
    return Channel(text)
