"""The baseline of pages: Flask over one database, the same views with the same statements, the same templates.

No hospitals to tell apart, no session row, no permissions asked, no access rules, no limits, no security headers, no
form token, no routed session, no access-log row, no audit row and no event. A read goes through SQLAlchemy Core in
autocommit, a write through one plain session that commits at its end. Who is signed in, and what the hospital is
called, is known from the start.

BARE_DATABASE_URL says where the hospital's database is, BARE_HOSPITAL which one it is, and BARE_PEOPLE (JSON) whose
session tokens these are: the first beginning of an endpoint's name that fits says who asks for it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import sqlalchemy as sa
from flask import Flask, g, request
from flask_babel import Babel
from flask_login import LoginManager
from sqlalchemy.orm import Session

from app import create_app
from app.config import load_settings
from app.core.access_mode import set_read_only
from app.core.db import db
from app.domain.audit import operations as logs
from app.tenancy.binding import bind_hospital, enter_hospital, tenancy
from app.tenancy.registry import HospitalEntry
from app.web.components import register_components
from app.web.principals import Principal, find_signed_in
from app.web.translating import init_translating

OF_FLASK = frozenset({"url_for", "get_flashed_messages", "config", "request", "session", "g"})


class Statements:
    """What a request sends, in place of the routed session: one connection, and a session where rows are written."""

    def __init__(self, engine: sa.Engine) -> None:
        self._writing, self._reading = engine, engine.execution_options(isolation_level="AUTOCOMMIT")

    def execute(self, statement: Any, values: Any = None, **options: Any) -> Any:
        """Send a statement: columns as Core, whole entities through a session."""
        if request.method != "GET" or _names_entities(statement):
            return self().execute(statement, values, **options)
        return self._connection().execute(statement, values or {})

    def scalar(self, statement: Any, values: Any = None, **options: Any) -> Any:
        """Return the first column of the first row."""
        return self.execute(statement, values, **options).scalar()

    def scalars(self, statement: Any, values: Any = None, **options: Any) -> Any:
        """Return the first columns of all rows."""
        return self.execute(statement, values, **options).scalars()

    def __call__(self) -> Session:
        if "bare_session" not in g:
            g.bare_session = Session(self._connection() if request.method == "GET" else self._writing)
        return g.bare_session  # type: ignore[no-any-return]

    def _connection(self) -> sa.Connection:
        if "bare_connection" not in g:
            g.bare_connection = self._reading.connect()
        return g.bare_connection  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self(), name)

    def end(self) -> None:
        """Commit what was written, and give the connection back."""
        if found := g.pop("bare_session", None):
            found.commit()
            found.close()
        if found := g.pop("bare_connection", None):
            found.close()


def create_bare_app() -> Flask:
    """Return the application."""
    real = create_app(load_settings())
    code = os.environ["BARE_HOSPITAL"]
    people = {begins: _person(real, code, token) for begins, token in json.loads(os.environ["BARE_PEOPLE"]).items()}
    with real.app_context():
        entry = tenancy().registry.get_by_code(code)
    _leave_out("record_access", "record_change")
    bare = Flask("app", static_folder=None)
    bare.secret_key = real.secret_key
    bare.config.update({name: value for name, value in real.config.items() if name.startswith("BABEL_")})
    bare.config["WTF_CSRF_ENABLED"] = False
    Babel(bare, locale_selector=lambda: "vi", timezone_selector=lambda: entry.timezone)
    init_translating(bare)
    bare.extensions = {**real.extensions, **bare.extensions}
    LoginManager(bare).request_loader(lambda _request: people[next(n for n in people if _endpoint().startswith(n))])
    _present(bare, real)
    _route(bare, real)
    engine = sa.create_engine(os.environ["BARE_DATABASE_URL"], pool_size=int(os.environ["BARE_POOL_SIZE"]))
    _serve_one_hospital(bare, entry, Statements(engine))
    return bare


def _endpoint() -> str:
    return request.endpoint or ""


def _names_entities(statement: Any) -> bool:
    return any(isinstance(wanted, sa.FromClause) for wanted in getattr(statement, "_raw_columns", ()))


def _person(real: Flask, code: str, token: str) -> Principal:
    with real.test_request_context(), bind_hospital(code):
        found = find_signed_in("hospital", token, in_use=False)
    if found is None:
        raise SystemExit("a token of BARE_PEOPLE is nobody's")
    return Principal("hospital", code, token, found)


def _leave_out(*names: str) -> None:
    """Write nothing down: wherever the logs' functions were imported to, something that does nothing stands now."""
    for name in names:
        written = getattr(logs, name)
        for module in [module for key, module in sys.modules.items() if key.startswith("app.")]:
            if getattr(module, name, None) is written:
                setattr(module, name, lambda *_words, **_facts: None)


def _present(bare: Flask, real: Flask) -> None:
    environment = bare.jinja_env
    environment.undefined = real.jinja_env.undefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters.update(real.jinja_env.filters)
    kept = OF_FLASK | {"_", "gettext"}
    environment.globals.update({name: value for name, value in real.jinja_env.globals.items() if name not in kept})
    environment.globals["csrf_token"] = lambda: "a-token-that-nobody-checks"
    register_components(bare)
    bare.template_context_processors = real.template_context_processors


def _route(bare: Flask, real: Flask) -> None:
    """Take the addresses of the real application over, and the views of the hospital's portal."""
    bare.url_map.converters.update(real.url_map.converters)
    bare.url_default_functions = real.url_default_functions
    for rule in real.url_map.iter_rules():
        ours = rule.endpoint.startswith("hospital.")
        view = real.view_functions[rule.endpoint] if ours else lambda **_: ""
        bare.add_url_rule(
            rule.rule, endpoint=rule.endpoint, view_func=view, methods=rule.methods, defaults=rule.defaults
        )


def _serve_one_hospital(bare: Flask, entry: HospitalEntry, statements: Statements) -> None:
    db.session = statements  # type: ignore[assignment]

    @bare.before_request
    def begin() -> None:
        g.undo = [set_read_only(request.method == "GET"), enter_hospital(entry)[0]]
        g.portal, g.request_id = "hospital", "-"

    @bare.after_request
    def commit(response: Any) -> Any:
        statements.end()
        return response

    @bare.teardown_request
    def end(_error: BaseException | None) -> None:
        for undo in reversed(g.pop("undo", [])):
            undo()
