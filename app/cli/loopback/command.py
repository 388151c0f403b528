"""`flask sms-gateway`: the loopback gateway as a process."""

from __future__ import annotations

from typing import cast

import click
from flask import current_app
from flask.cli import with_appcontext
from werkzeug.serving import make_server

from app.cli.loopback.gateway import Places, make_gateway
from app.config import Settings


@click.command("sms-gateway")
@click.option("--port", type=click.IntRange(1, 65535), default=8025, show_default=True, help="Listen on this port.")
@with_appcontext
def sms_gateway_command(port: int) -> None:
    """Take text messages on this machine, show them on a page, report and reply as told there. Not for production."""
    settings = cast(Settings, current_app.extensions["settings"])
    if settings.environment == "production":
        raise click.ClickException("the loopback gateway is for development; a hospital's patients would get nothing")
    if settings.sms_hook_secret is None:
        raise click.ClickException("SMS_HOOK_SECRET is not set, so that no report could be signed")
    gateway = make_gateway(Places(settings.base_url, settings.sms_hook_secret))
    with make_server("127.0.0.1", port, gateway, threaded=True) as server:
        server.serve_forever()
