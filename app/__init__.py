"""Vien: many hospitals on one platform, sharing nothing. This is the only place that wires the parts together.

Imports stand inside the functions, so that a process that only starts others (`app.cli.run`) imports none of it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application; raises BadSettings, or UnguardedRoute where a view declares no permission."""
    from flask import Flask

    from app.config import load_settings

    settings = settings or load_settings()
    app = Flask("app", static_folder=None)
    _configure(app, settings)
    _connect(app, settings)
    _protect(app, settings)
    _present(app, settings)
    _open_portals(app)
    _register_jobs(app)
    _add_commands(app)
    _mount(app, settings)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    from app.core.blobs import init_files
    from app.core.crypto import BlindIndex, Keyring
    from app.core.logging import configure_logging

    configure_logging(settings.log_level, settings.log_format)
    app.extensions["settings"] = settings
    app.extensions["keyring"] = Keyring.parse(settings.vien_keys)
    init_files(app, settings.files_address)
    app.extensions["blind_index"] = BlindIndex(base64.b64decode(settings.vien_blind_index_key))
    app.config.update(
        TESTING=settings.environment == "test",
        ASSETS_DIR=settings.var_dir / "static",
        MAX_CONTENT_LENGTH=1024 * 1024,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        WTF_CSRF_CHECK_DEFAULT=False,  # the guards ask for the token, after they have asked who it is
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: long notes must not expire
    )


def _connect(app: Flask, settings: Settings) -> None:
    from flask_migrate import Migrate

    from app.core.db import db
    from app.core.queue import init_queue
    from app.domain import models as hospital_history
    from app.tenancy import models as central_history
    from app.tenancy.announcements import init_announcements
    from app.tenancy.binding import init_tenancy
    from app.tenancy.engines import central_engine_options, make_budget
    from app.tenancy.registry import Registry

    budget = make_budget(settings)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = central_engine_options(settings, budget)
    app.extensions["histories"] = (central_history, hospital_history)  # importing them makes the metadata whole
    db.init_app(app)
    Migrate(app, db)
    init_queue(app, settings.redis_url)
    init_tenancy(app, settings, Registry(app.extensions["keyring"], settings.registry_seconds), budget)
    init_announcements(app)


def _protect(app: Flask, settings: Settings) -> None:
    from app.web.binding import init_binding
    from app.web.errors import init_errors
    from app.web.gateway import init_gateway
    from app.web.guards import csrf
    from app.web.metrics import init_measuring
    from app.web.principals import init_principals
    from app.web.security import init_security
    from app.web.sessions import init_sessions
    from app.web.units import init_units

    init_measuring(app)
    init_sessions(app, settings)
    init_binding(app)
    init_gateway(app)
    init_principals(app)
    csrf.init_app(app)
    init_security(app, settings)
    init_units(app)
    init_errors(app)


def _present(app: Flask, settings: Settings) -> None:
    from app.web.assets import init_assets
    from app.web.components import register_components
    from app.web.i18n import init_i18n
    from app.web.live import init_live
    from app.web.render import init_render
    from app.web.templates import init_templates

    init_i18n(app)
    init_templates(app)
    init_assets(app)
    register_components(app)
    init_live(app)
    init_render(app)


def _open_portals(app: Flask) -> None:
    from app.admin import admin
    from app.domain import presets
    from app.hospital import hospital
    from app.patient import patient
    from app.web.guards import refuse_unguarded
    from app.web.health import health
    from app.web.hooks import hooks
    from app.web.landing import landing
    from app.web.metrics import metrics

    presets.register()
    for blueprint in (health, metrics, landing, hooks, admin, hospital, patient):
        app.register_blueprint(blueprint)
    refuse_unguarded(app)


def _register_jobs(app: Flask) -> None:
    from app.jobs import init_jobs
    from app.tenancy.ledger import registered

    app.extensions["kinds_of_work"] = registered  # importing it makes every kind known
    init_jobs(app)


def _add_commands(app: Flask) -> None:
    from app.cli import add_commands

    add_commands(app)


def _mount(app: Flask, settings: Settings) -> None:
    from urllib.parse import urlsplit

    from werkzeug.middleware.proxy_fix import ProxyFix

    from app.tenancy.mount import TenantMount

    app.wsgi_app = TenantMount(  # type: ignore[method-assign]
        app.wsgi_app,
        platform_host=urlsplit(settings.base_url).hostname or "",
        host_suffix=settings.hospital_host_suffix,
        default_code=settings.default_hospital,
    )
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
