"""What every template may use: filters in Vietnamese conventions, and facts about the request."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from flask import Flask, g
from flask_wtf.csrf import generate_csrf

from app.core import clock
from app.core.formats import dates, money, names, numbers, phones
from app.tenancy.binding import find_bound_hospital
from app.web.binding import request_id
from app.web.i18n import current_language
from app.web.menu import menu
from app.web.principals import find_principal

PLATFORM_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def init_templates(app: Flask) -> None:
    """Give the template environment its filters and globals."""
    app.jinja_env.undefined = jinja2.StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        age=lambda born_on: dates.age(born_on, clock.today(hospital_zone())),
        date=dates.format_date,
        datetime=lambda moment: dates.format_datetime(moment, hospital_zone()),
        decimal=numbers.format_decimal,
        given_name=names.given_name,
        money=money.format_money,
        phone=phones.format_phone,
        time=lambda moment: dates.format_time(moment, hospital_zone()),
        day=local_day,
    )
    app.jinja_env.globals.update(menu=menu, can=_can, csrf_token=_form_token)
    app.context_processor(_facts)


def hospital_zone() -> ZoneInfo:
    """Return the bound hospital's time zone, or the platform's."""
    hospital = find_bound_hospital()
    return ZoneInfo(hospital.timezone) if hospital else PLATFORM_ZONE


def local_day(moment: datetime) -> date:
    """Return the hospital's calendar day of a moment."""
    return moment.astimezone(hospital_zone()).date()


def _can(permission: str) -> bool:
    principal = find_principal()
    return principal is not None and principal.may(permission)


def _form_token() -> str:
    """Return the token that forms carry; a page may have one in every row, and Flask-WTF reads its settings anew."""
    if "form_token" not in g:
        g.form_token = generate_csrf()
    return str(g.form_token)


def _facts() -> dict[str, Any]:
    return {
        "hospital": find_bound_hospital(),
        "portal": g.get("portal"),
        "locale": current_language(),
        "request_id": request_id(),
    }
