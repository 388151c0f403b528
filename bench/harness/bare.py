"""The baseline of the worklist page: Flask and SQLAlchemy Core over one database, same statements, same template.

No hospitals to tell apart, no session row, no permissions, no access log, no security headers. What the template asks
for (words, addresses, the name of who is signed in) is there as constants or by the same functions.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask, render_template, request, url_for
from flask_babel import Babel
from flask_login import AnonymousUserMixin

from app import create_app
from app.config import load_settings
from app.core import clock
from app.core.actor import Actor, ActorKind
from app.core.formats.dates import format_date
from app.core.ids import new_id
from app.core.permissions import Bounds, Scope
from app.domain.appointments import worklist
from app.domain.appointments.models import Appointment, AppointmentStatus
from app.domain.identity.permissions import ROLE_PRESETS
from app.domain.messages import unreached
from app.domain.paging import Page
from app.domain.patients.models import Patient
from app.hospital import today, wording
from app.web import menu
from app.web.components import register_components
from app.web.translating import init_translating

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LOCALISED = ("web.set_locale",)
PERMISSIONS = ROLE_PRESETS["receptionist"].permissions
_WHO = new_id()
ACTOR = Actor(
    ActorKind.STAFF, _WHO, "bench", PERMISSIONS, bounds=Bounds(_WHO, scopes=dict.fromkeys(PERMISSIONS, Scope.HOSPITAL))
)


class SignedIn(AnonymousUserMixin):  # type: ignore[misc]
    """Whoever the template greets."""

    is_authenticated = True
    id = "bench"
    name = "Người Thử"
    visit = None
    role_names = ("Tiếp đón",)


def create_bare_app() -> Flask:
    """Return the application; BARE_DATABASE_URL says where the hospital's database is."""
    real = create_app(load_settings())
    bare = Flask("app", static_folder=None)
    bare.secret_key = real.secret_key
    bare.config.update({name: value for name, value in real.config.items() if name.startswith("BABEL_")})
    Babel(bare, locale_selector=lambda: "vi", timezone_selector=lambda: "Asia/Ho_Chi_Minh")
    init_translating(bare)
    _present(bare, real)
    engine = sa.create_engine(
        os.environ["BARE_DATABASE_URL"], isolation_level="AUTOCOMMIT", pool_size=int(os.environ["BARE_POOL_SIZE"])
    )
    bare.extensions["engine"] = engine
    for rule in real.url_map.iter_rules():
        if rule.endpoint != "hospital.today":
            bare.add_url_rule(rule.rule, endpoint=rule.endpoint, view_func=lambda **_: "", methods=rule.methods)
    bare.url_defaults(lambda endpoint, values: values.update(portal="hospital") if endpoint in LOCALISED else None)
    bare.add_url_rule("/hospital/today", endpoint="hospital.today", view_func=lambda: _today(engine))
    return bare


def _present(bare: Flask, real: Flask) -> None:
    environment = bare.jinja_env
    environment.undefined, environment.trim_blocks, environment.lstrip_blocks = (
        real.jinja_env.undefined, True, True,
    )  # fmt: skip
    environment.filters.update(real.jinja_env.filters)
    environment.globals.update(
        csrf_token=lambda: "a-token-that-nobody-checks",
        menu=_menu,
        can=PERMISSIONS.__contains__,
        static_url=real.jinja_env.globals["static_url"],
        live_url=str,
        platform_notice=lambda: None,
    )
    register_components(bare)
    facts = {
        "hospital": SimpleNamespace(code="bench", display_name="Benchmark bench", timezone=str(ZONE)),
        "portal": "hospital",
        "locale": "vi",
        "request_id": "-",
        "current_user": SignedIn(),
        "words": wording,
        "can_read": lambda _field: True,
        "can_write": lambda _field: True,
        "not_shown": str,
    }
    bare.context_processor(lambda: facts)


def _menu() -> list[menu.MenuEntry]:
    person: Any = SimpleNamespace(portal="hospital", may=PERMISSIONS.__contains__)
    shown = [entry for entry in menu._entries.values() if entry.portal == "hospital" and entry.may_see(person)]
    return [
        menu.MenuEntry(entry.label, url_for(entry.endpoint), entry.icon, request.endpoint == entry.endpoint)
        for entry in sorted(shown, key=lambda entry: entry.position)
    ]


def _today(engine: sa.Engine) -> str:
    day = clock.today(ZONE)
    form = today.DayForm(request.args, meta={"csrf": False})
    form.day.data = format_date(day)
    begins = datetime.combine(day, time(), tzinfo=ZONE).astimezone(UTC)
    wanted = [Appointment.starts_at >= begins, Appointment.starts_at < begins + timedelta(days=1)]
    wanted.append(worklist._reach(ACTOR, None, None))
    to_call = unreached._joined(sa.select(sa.func.count(sa.distinct(Appointment.id))))
    with engine.connect() as connection:
        counted = (
            sa.select(Appointment.status, sa.func.count())
            .join(Patient, Patient.id == Appointment.patient_id)
            .where(*wanted)
            .group_by(Appointment.status)
        )
        found: dict[Any, int] = {row[0]: row[1] for row in connection.execute(counted)}
        counts = {status: found.get(status, 0) for status in AppointmentStatus}
        listed = worklist._rows(ACTOR, wanted, worklist.Order.ARRIVALS).limit(worklist.PER_PAGE)
        rows = connection.execute(listed).all()
        called = connection.scalar(to_call.where(*unreached._is_open(), unreached._reach(ACTOR))) or 0
    return render_template(
        "hospital/today/index.html",
        form=form,
        view="desk",
        state="",
        worklist=worklist.Worklist(day, Page(rows, 1, worklist.PER_PAGE, sum(counts.values())), counts),
        is_today=True,
        days={"before": format_date(day - timedelta(days=1)), "after": format_date(day + timedelta(days=1))},
        state_counts={name: sum(counts[s] for s in statuses) for name, statuses in today.STATES.items()},
        live_key="",
        next_up=None,
        unreached=called,
        has_errors=False,
    )
