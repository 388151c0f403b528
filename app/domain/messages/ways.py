"""By which ways a hospital can write to people: what the installation has, less what the hospital switched off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import sqlalchemy as sa
from flask import current_app

from app.config import Settings
from app.core.db import db
from app.domain.messages.models import Channel, MessageChannel

IN_USUAL_ORDER = (Channel.EMAIL, Channel.SMS, Channel.PUSH)


def present_settings() -> Settings:
    """Return the installation's settings."""
    return cast(Settings, current_app.extensions["settings"])


def available_channels() -> Sequence[Channel]:
    """Return by which channels the hospital can write to people at all, in the usual order.

    It says nothing of a person: who has no telephone is not reached by SMS.
    """
    settings = present_settings()
    query = sa.select(MessageChannel.channel, MessageChannel.enabled, MessageChannel.own_gateway)
    said = {row.channel: row for row in db.session.execute(query)}
    has_gateway = settings.sms_gateway is not None or (Channel.SMS in said and said[Channel.SMS].own_gateway)
    there = {
        Channel.EMAIL: settings.mail_url is not None or settings.environment != "production",
        Channel.SMS: has_gateway,
        Channel.PUSH: True,
    }
    return [one for one in IN_USUAL_ORDER if there[one] and (one not in said or said[one].enabled)]
