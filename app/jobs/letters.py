"""Letters that are no single hospital's: to operators, and to who forgot a password at the front door."""

from __future__ import annotations

from flask import current_app

from app.config import Settings
from app.core.queue import job
from app.domain.identity.front_door_resets import JOB, send_everywhere
from app.domain.messages.delivery import make_transports
from app.domain.messages.models import Channel
from app.domain.messages.platform_letters import deliver_platform_letters
from app.jobs.schedule import every


@every(seconds=30)
@job("deliver_platform_letters", queue="fleet", for_hospital=False, timeout_seconds=600, once_within=60)
def deliver_letters() -> None:
    """Send the letters to operators that are due."""
    settings: Settings = current_app.extensions["settings"]
    deliver_platform_letters(make_transports(settings.mail_url, settings.mail_from)[Channel.EMAIL])


@job(JOB, queue="fleet", for_hospital=False)
def send_front_door_resets(*, sealed: list[str]) -> None:
    """Have every hospital that knows a person write to them."""
    send_everywhere(sealed)
