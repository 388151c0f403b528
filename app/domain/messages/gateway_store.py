"""The hospital's settings of channels: who it writes as, its own SMS gateway, and the secrets of both directions."""

from __future__ import annotations

import hashlib
import hmac
from email.utils import formataddr, parseaddr
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from flask import current_app

from app.config import GatewaySettings
from app.core.actor import Actor
from app.core.crypto import Keyring, Sealed
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion
from app.core.i18n import _l
from app.core.ids import new_id, new_token
from app.core.sealed import declare_sealed
from app.domain.audit.operations import record_change
from app.domain.messages.channels import Console, Smtp
from app.domain.messages.delivery import Transports
from app.domain.messages.gateways import HttpSms, check_gateway
from app.domain.messages.models import Channel, MessageChannel
from app.domain.messages.push import WebPush
from app.domain.messages.ways import present_settings
from app.tenancy.binding import bound_hospital

LONGEST_SENDER = {Channel.SMS: 11, Channel.EMAIL: 80}  # letters of an alphanumeric sender (3GPP TS 23.040)


def hospital_transports() -> Transports:
    """Return what carries each channel in the bound hospital; a channel that is not set up has nothing."""
    settings = present_settings()
    console = Console()
    email = find_channel(Channel.EMAIL)
    sender = _sender_of_mail(settings.mail_from, email.sender_name if email else "")
    transports: Transports = {
        Channel.CONSOLE: console,
        Channel.EMAIL: Smtp(settings.mail_url, sender) if settings.mail_url else console,
        Channel.PUSH: WebPush(),
    }
    if (sms := find_sms()) is not None:
        transports[Channel.SMS] = sms
    return transports


def find_channel(channel: Channel) -> MessageChannel | None:
    """Return what the hospital says of a channel, or None where it says nothing."""
    return db.session.scalar(sa.select(MessageChannel).where(MessageChannel.channel == channel))


def find_sms() -> HttpSms | None:
    """Return the gateway of the hospital, else the platform's, else None."""
    settings, row = present_settings(), find_channel(Channel.SMS)
    sender = (row.sender_name if row else "") or "Vien"
    if row is not None and row.own_gateway:
        gateway, credential = GatewaySettings(**(row.gateway or {})), open_secret(row, "credential") or ""
    elif settings.sms_gateway is not None:
        gateway, credential = settings.sms_gateway, settings.sms_gateway_credential or ""
    else:
        return None
    return HttpSms(gateway, credential=credential, sender=sender, allow_private=settings.private_gateways)


def hook_secret() -> str | None:
    """Return by what the bound hospital's reports are signed: its own secret, or the one made from the platform's."""
    row, settings = find_channel(Channel.SMS), present_settings()
    if row is not None and row.own_gateway:
        return open_secret(row, "hook_secret")
    return derived_hook_secret(settings.sms_hook_secret, bound_hospital().code) if settings.sms_hook_secret else None


def derived_hook_secret(of_platform: str, code: str) -> str:
    """Return a hospital's secret made from the platform's, so that one hospital's reports are never another's."""
    return hmac.new(of_platform.encode(), f"sms-hook\x00{code}".encode(), hashlib.sha256).hexdigest()


def save_channel(
    actor: Actor,
    channel: Channel,
    version: int,
    *,
    enabled: bool,
    sender_name: str = "",
    plain_letters: bool = True,
    gateway: GatewaySettings | None = None,
    credential: str = "",
) -> None:
    """Say how the hospital uses a channel; without `gateway` the platform's serves.

    An empty credential keeps the one that is there. Raises InvalidValue with its field, or StaleVersion.
    """
    sender_name = " ".join(sender_name.split())
    _check_sender(channel, sender_name)
    if gateway is not None:
        check_gateway(gateway, allow_private=present_settings().private_gateways)
        _check_credential(credential)
    row = db.session.scalar(sa.select(MessageChannel).where(MessageChannel.channel == channel).with_for_update())
    if (row.version if row else 0) != version:
        raise StaleVersion
    if row is None:
        row = MessageChannel(id=new_id(), channel=channel, created_by=actor.id)
        db.session.add(row)
    before = (row.own_gateway, row.gateway)
    row.enabled, row.sender_name, row.plain_letters, row.updated_by = enabled, sender_name, plain_letters, actor.id
    row.own_gateway = gateway is not None
    row.gateway = gateway.model_dump() if gateway else None
    if gateway is None:
        _seal(row, "credential", None)
    elif credential:
        _seal(row, "credential", credential)
    if gateway is not None and row.hook_secret_ciphertext is None:
        _seal(row, "hook_secret", new_token())
    db.session.flush()
    changes: dict[str, Any] = {"channel": channel.value, "enabled": enabled, "own_gateway": row.own_gateway}
    changes["fields"] = [name for name, changed in (("gateway", before != (row.own_gateway, row.gateway)),
                                                    ("credential", bool(credential))) if changed]  # fmt: skip
    record_change(actor, "message_channel.change", subject_type="message_channel", subject_id=row.id, changes=changes)


def renew_hook_secret(actor: Actor) -> str:
    """Make a new secret for the reports of the hospital's own gateway and return it; it is shown this once."""
    row = db.session.scalar(sa.select(MessageChannel).where(MessageChannel.channel == Channel.SMS).with_for_update())
    if row is None or not row.own_gateway:
        raise InvalidValue(_l("The hospital uses the platform's gateway, whose secret the platform keeps."))
    secret = new_token()
    _seal(row, "hook_secret", secret)
    db.session.flush()
    record_change(actor, "message_channel.renew_secret", subject_type="message_channel", subject_id=row.id)
    return secret


def open_secret(row: MessageChannel, name: str) -> str | None:
    """Return a sealed value of a channel; raises CannotDecrypt."""
    ciphertext = getattr(row, f"{name}_ciphertext")
    if ciphertext is None:
        return None
    sealed = Sealed(ciphertext, getattr(row, f"{name}_nonce"), getattr(row, f"{name}_key_id"))
    return _keyring().open(sealed, _context(row.id, name))


def _seal(row: MessageChannel, name: str, plain: str | None) -> None:
    sealed = None if plain is None else _keyring().seal(plain, _context(row.id, name))
    setattr(row, f"{name}_ciphertext", sealed.ciphertext if sealed else None)
    setattr(row, f"{name}_nonce", sealed.nonce if sealed else None)
    setattr(row, f"{name}_key_id", sealed.key_id if sealed else None)


def _check_sender(channel: Channel, name: str) -> None:
    if channel is Channel.SMS and name and not (name.isascii() and name.replace(" ", "").isalnum()):
        raise InvalidValue(
            _l("A sender of text messages has letters without marks and digits only."), field="sender_name"
        )
    if len(name) > LONGEST_SENDER.get(channel, 0):
        message = _l("At most %(most)s characters.", most=LONGEST_SENDER.get(channel, 0))
        raise InvalidValue(message, field="sender_name")


def _check_credential(credential: str) -> None:
    if any(ord(letter) < 32 or ord(letter) > 255 for letter in credential):
        raise InvalidValue(_l("There is a character that cannot be sent."), field="credential")


def _sender_of_mail(mail_from: str, name: str) -> str:
    return formataddr((name, parseaddr(mail_from)[1])) if name else mail_from


def _context(channel_id: UUID, name: str) -> str:
    return f"message_channels:{channel_id}:{name}"


def _keyring() -> Keyring:
    return cast(Keyring, current_app.extensions["keyring"])


declare_sealed(MessageChannel, "credential", lambda row: _context(row.id, "credential"))
declare_sealed(MessageChannel, "hook_secret", lambda row: _context(row.id, "hook_secret"))
