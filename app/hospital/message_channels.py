"""How the hospital uses each channel: its name as a sender, its own SMS gateway, and the secret of its reports."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from flask import Response, flash, url_for
from flask_babel import get_locale
from werkzeug.wrappers import Response as BaseResponse

from app.core.errors import Conflict, InvalidValue, NotFound, StaleVersion
from app.core.i18n import _
from app.core.permissions import requires
from app.domain.identity.permissions import MANAGE_MESSAGES
from app.domain.messages import words
from app.domain.messages.gateway_store import find_channel, renew_hook_secret, save_channel
from app.domain.messages.models import Channel
from app.domain.messages.template_kinds import SHOWN_CHANNELS
from app.domain.messages.testing import TRIED_CHANNELS, send_test
from app.domain.messages.ways import available_channels, present_settings
from app.hospital import hospital
from app.hospital.forms.messages import ChannelForm, SmsForm, TestMessageForm
from app.web.confirming import asks_again
from app.web.principals import current_actor
from app.web.render import render, see_other


@hospital.get("/messages/channels")
@requires(MANAGE_MESSAGES)
def messages_channels() -> Response:
    """Show how each channel is used."""
    return _show({})


@hospital.post("/messages/channels/<any(email,sms,push):channel>")
@requires(MANAGE_MESSAGES)
@asks_again
def messages_channel_save(channel: str) -> BaseResponse:
    """Say how a channel is used."""
    if channel not in set(SHOWN_CHANNELS):
        raise NotFound
    which = Channel(channel)
    form: ChannelForm = SmsForm(prefix=channel) if which is Channel.SMS else ChannelForm(prefix=channel)
    if form.validate_on_submit():
        try:
            _save(which, form)
        except (InvalidValue, StaleVersion) as error:
            form.add_error("sender_name" if which is not Channel.PUSH else "enabled", error)
        else:
            flash(_("The channel is changed."), "success")
            return see_other(url_for("hospital.messages_channels"))
    return _show({which: form})


@hospital.post("/messages/channels/sms/secret")
@requires(MANAGE_MESSAGES)
@asks_again
def messages_channel_secret() -> BaseResponse:
    """Make a new secret for the gateway's reports, and show it this once."""
    return _show({}, secret=renew_hook_secret(current_actor()))


@hospital.post("/messages/channels/<any(email,sms):channel>/test")
@requires(MANAGE_MESSAGES)
def messages_channel_test(channel: str) -> BaseResponse:
    """Try a channel by a message to an address that is typed."""
    which, form = Channel(channel), TestMessageForm(prefix=f"{channel}-test")
    if form.validate_on_submit():
        try:
            send_test(current_actor(), which, form.to.data or "", str(get_locale()))
        except (InvalidValue, Conflict) as error:
            form.add_error("to", error)
        else:
            flash(_("A test message is sent. What becomes of it stands in the ledger."), "success")
            return see_other(url_for("hospital.messages_channels"))
    return _show({}, tried={which: form})


def _save(channel: Channel, form: ChannelForm) -> None:
    facts = {"enabled": form.enabled.data, "sender_name": form.sender_name.data or ""}
    if isinstance(form, SmsForm):
        facts |= {
            "plain_letters": form.plain_letters.data,
            "gateway": form.read_gateway(),
            "credential": form.credential.data or "",
        }
    save_channel(current_actor(), channel, form.version.data, **facts)


def _show(
    wrong: dict[Channel, ChannelForm],
    *,
    secret: str | None = None,
    tried: Mapping[Channel, TestMessageForm] = MappingProxyType({}),
) -> Response:
    """Show the forms: what stands, and where something was wrong what was typed."""
    rows = {channel: find_channel(channel) for channel in SHOWN_CHANNELS}
    forms: dict[str, ChannelForm] = {}
    for channel, row in rows.items():
        kind = SmsForm if channel is Channel.SMS else ChannelForm
        form = wrong.get(channel) or kind(formdata=None, prefix=channel.value)
        if channel not in wrong:
            form.version.data, form.enabled.data = (row.version, row.enabled) if row else (0, True)
            form.sender_name.data = row.sender_name if row else ""
            if isinstance(form, SmsForm) and row:
                form.fill_from(row)
            elif isinstance(form, SmsForm):
                form.plain_letters.data = True
        forms[channel.value] = form
    sms = rows[Channel.SMS]
    return render(
        "hospital/messages/channels.html",
        status=422 if wrong or tried else 200,
        forms=forms,
        tests={
            one.value: tried.get(one) or TestMessageForm(formdata=None, prefix=f"{one}-test") for one in TRIED_CHANNELS
        },
        said=words,
        available=available_channels(),
        platform_gateway=present_settings().sms_gateway is not None,
        has_secret=bool(sms and sms.own_gateway),
        has_credential=bool(sms and sms.credential_ciphertext),
        hook_url=url_for("hooks.sms", _external=True),
        secret=secret,
        has_errors=bool(wrong or tried),
    )
