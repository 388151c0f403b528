"""Which language and time zone a reader sees: their own choice, else the hospital's, else Vietnamese."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, abort, g, has_request_context, request, session
from flask_babel import Babel, get_locale
from werkzeug.wrappers import Response as BaseResponse

from app.core.permissions import public
from app.tenancy.binding import find_bound_hospital
from app.web.binding import at_front_door, closed_hospital
from app.web.guards import guard
from app.web.render import see_other
from app.web.sessions import PORTALS
from app.web.targets import local_target
from app.web.translating import init_translating

LOCALES = ("vi", "en")
AREAS = ("core", "domain", "admin", "hospital", "patient")

web = Blueprint("web", __name__)
guard(web)


def init_i18n(app: Flask) -> None:
    """Load the catalogues of every area and choose the language per request."""
    root = Path(app.root_path) / "translations"
    app.config["BABEL_DEFAULT_LOCALE"] = "vi"
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Asia/Ho_Chi_Minh"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = ";".join(str(root / area) for area in AREAS)
    Babel(app, locale_selector=_choose_locale, timezone_selector=_choose_timezone)
    init_translating(app)
    app.register_blueprint(web)


def current_language() -> str:
    """Return `vi` or `en`."""
    locale = get_locale()
    return locale.language if locale else "vi"


@web.url_defaults
def _add_portal(endpoint: str, values: dict[str, str]) -> None:
    if endpoint == "web.set_locale":
        values.setdefault("portal", g.get("portal") or "patient")


@web.post(f"/<any({','.join(PORTALS)}):portal>/locale")
@public
@at_front_door
def set_locale(portal: str) -> BaseResponse:
    """Remember the reader's choice of language, and go back to where they were."""
    locale = request.form.get("locale")
    if locale not in LOCALES:
        abort(400)
    session["locale"] = locale
    back = local_target(request.form.get("next"), f"{request.script_root}/")
    return see_other(back or f"{request.script_root}/{portal}/")


def _choose_locale() -> str:
    if not has_request_context():
        return "vi"
    chosen = session.get("locale")
    if chosen in LOCALES:
        return str(chosen)
    hospital = find_bound_hospital() or closed_hospital()
    return hospital.locale if hospital and hospital.locale in LOCALES else "vi"


def _choose_timezone() -> str | None:
    hospital = find_bound_hospital()
    return hospital.timezone if hospital else None
