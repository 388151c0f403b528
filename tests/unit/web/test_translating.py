"""Messages are found in the language of the request, whichever way it was chosen, and variables are escaped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask
from flask_babel import Babel, force_locale, refresh

from app.core import i18n
from app.core.i18n import _, _l
from app.web.translating import init_translating

VIETNAMESE = {"Save": "Lưu", "Hello %(name)s": "Chào %(name)s", "Half: 50%%": "Một nửa: 50%%"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    catalog = Catalog(locale="vi")
    for message, translation in VIETNAMESE.items():
        catalog.add(message, translation)
    folder = tmp_path / "vi" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    before = list(i18n._translators)
    app = Flask("app")
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(tmp_path)
    app.config["LANGUAGE"] = "vi"
    Babel(app, locale_selector=lambda: app.config["LANGUAGE"])
    init_translating(app)
    yield app
    i18n._translators[:] = before


def render(app: Flask, template: str, **context: object) -> str:
    return app.jinja_env.from_string(template).render(**context)


def test_a_message_is_said_in_the_language_of_the_request(app: Flask) -> None:
    with app.test_request_context():
        assert _("Save") == "Lưu"
        assert render(app, "{{ _('Save') }} {% trans %}Save{% endtrans %}") == "Lưu Lưu"
    app.config["LANGUAGE"] = "en"
    with app.test_request_context():
        assert _("Save") == "Save"


def test_a_language_that_is_forced_or_chosen_anew_is_followed_at_once(app: Flask) -> None:
    with app.test_request_context():
        assert _("Save") == "Lưu"
        with force_locale("en"):
            assert _("Save") == "Save"
        assert _("Save") == "Lưu"
        app.config["LANGUAGE"] = "en"
        refresh()
        assert _("Save") == "Save"


def test_a_lazy_message_is_translated_when_it_is_shown(app: Flask) -> None:
    message, greeting = _l("Save"), _l("Hello %(name)s", name="An")
    assert str(message) == "Save"
    with app.test_request_context():
        assert (str(message), str(greeting)) == ("Lưu", "Chào An")
        assert render(app, "{{ message }}", message=message) == "Lưu"


def test_variables_are_escaped_in_templates_and_the_message_is_not(app: Flask) -> None:
    with app.test_request_context():
        assert render(app, "{{ _('Hello %(name)s', name=name) }}", name="<b>") == "Chào &lt;b&gt;"
        assert render(app, "{% trans %}Hello {{ name }}{% endtrans %}", name="<b>") == "Chào &lt;b&gt;"
        assert (
            render(app, "{% autoescape false %}{{ _('Hello %(name)s', name='<b>') }}{% endautoescape %}") == "Chào <b>"
        )


def test_a_per_cent_sign_is_written_twice_in_templates(app: Flask) -> None:
    with app.test_request_context():
        assert render(app, "{{ _('Half: 50%%') }}") == "Một nửa: 50%"


def test_outside_any_application_the_message_itself_is_said() -> None:
    assert _("Save") == "Save"
    assert str(_l("Hello %(name)s", name="An")) == "Hello An"
