"""The components say what they must to every reader: labels, errors, states in words, and no inline code."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from flask import Flask, render_template, render_template_string, request
from flask_babel import Babel
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFProtect
from wtforms import BooleanField, FormField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.form import Form

from app.admin.forms.showcase import showcase_context
from app.web.assets import SOURCE, init_assets
from app.web.components import component_macros, error_links, register_components

APP = SOURCE.parent
COMPONENTS = APP / "templates" / "components"
VOID_TARGETS = ("aria-describedby", "aria-labelledby", "for", "popovertarget")


class Birth(Form):
    day = StringField("Day")
    month = StringField("Month")
    year = StringField("Year")


class Sample(FlaskForm):
    name = StringField("Name")
    sex = RadioField("Sex", choices=[SelectChoice("f", "Female"), SelectChoice("m", "Male")])
    born = FormField(Birth, "Born")
    note = TextAreaField("Note")
    agree = BooleanField("Agree")


class Page(HTMLParser):
    """What a page consists of, as far as these tests look."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def ids(self) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get("id"))]

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag and wanted.items() <= attrs.items()]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    application = Flask("components", root_path=str(APP), static_folder=None)
    application.config.update(
        SECRET_KEY="k" * 32,
        ASSETS_DIR=tmp_path_factory.mktemp("static"),
        BABEL_TRANSLATION_DIRECTORIES=str(APP / "translations" / "core"),
    )
    application.jinja_env.undefined = jinja2.StrictUndefined
    application.jinja_env.trim_blocks = application.jinja_env.lstrip_blocks = True
    application.jinja_env.filters.update(date=lambda day: f"{day:%d/%m/%Y}", age=lambda _day: "42", datetime=str)
    Babel(application, locale_selector=lambda: request.args.get("lang", "en"))
    CSRFProtect(application)
    init_assets(application)
    register_components(application)
    application.jinja_env.globals["live_url"] = str
    views = ("index", "account", "sign_out", "live")
    names = [f"{portal}.{view}" for portal in ("admin", "hospital", "patient") for view in views]
    for endpoint in (*names, "web.set_locale", "hospital.search", "hospital.notices_bell", "hospital.notices_index"):
        application.add_url_rule(f"/{endpoint}", endpoint, lambda: "", methods=["GET", "POST"])
    return application


@pytest.fixture
def draw(app: Flask) -> Any:
    def draw(source: str, url: str = "/", **context: Any) -> Page:
        with app.test_request_context(url):
            form = context.pop("form", None)
            return Page(render_template_string(source, form=form() if callable(form) else form, **context))

    return draw


def frame(portal: str | None = "hospital") -> dict[str, Any]:
    hospital = SimpleNamespace(code="hoa-binh", display_name="Bệnh viện Hoà Bình")
    return {
        "portal": portal,
        "hospital": None if portal == "admin" else hospital,
        "locale": "en",
        "request_id": "r-1",
        "menu": lambda: [SimpleNamespace(label="Today", url="/today", icon="house", active=True)],
        "current_user": SimpleNamespace(
            is_authenticated=True, id=7, name="Trần Văn Đức", role_names=("Doctor",), visit=None
        ),
    }


def invalid() -> Sample:
    form = Sample(formdata=None)
    form.name.errors = ["Enter the name"]
    form.sex.errors = ["Choose one"]
    form.born.form.month.errors = ["No such month"]
    form.form_errors = ["This person is already registered"]
    return form


def test_every_macro_tells_how_to_call_it() -> None:
    for file in COMPONENTS.glob("*.html"):
        text = file.read_text()
        for name in re.findall(r"{% macro ([a-z]\w*)\(", text):
            assert re.search(rf"{{# {name}\(", text), f"{file.name}: {name} has no comment that shows its call"


def test_every_macro_is_a_global(app: Flask) -> None:
    macros = component_macros(app)
    assert {"button", "field", "error_summary", "data_table", "patient_banner", "slot_picker"} <= set(macros)
    assert macros.keys() <= app.jinja_env.globals.keys()


def test_two_macros_of_one_name_are_refused(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = jinja2.DictLoader({f"components/{n}.html": "{% macro twice() %}{% endmacro %}" for n in "ab"})
    with monkeypatch.context() as patched:
        patched.setattr(app.jinja_env, "loader", loader)
        with pytest.raises(ValueError, match="twice"):
            component_macros(app)


def test_a_field_ties_hint_and_error_to_its_input(draw: Any) -> None:
    page = draw("{{ field(form.name, hint='As on the card', autocomplete='name') }}", form=invalid)
    (box,) = page.all("input")
    assert box["aria-describedby"] == "name-hint name-error"
    assert box["aria-invalid"] == "true"
    assert box["autocomplete"] == "name"
    assert {"name-hint", "name-error"} <= set(page.ids())
    assert page.all("label", **{"for": "name"})


def test_a_field_without_errors_claims_none(draw: Any) -> None:
    page = draw("{{ field(form.name) }}", form=Sample)
    (box,) = page.all("input")
    assert "aria-invalid" not in box
    assert "aria-describedby" not in box


def test_what_was_typed_is_kept(draw: Any) -> None:
    page = draw(
        "{{ field(form.name) }}{{ field(form.born) }}{{ field(form.sex) }}",
        form=lambda: Sample(formdata=None, data={"name": "<Ánh>", "born": {"day": "31"}, "sex": "m"}),
    )
    values = [attrs.get("value") for attrs in page.all("input") if attrs.get("type") != "radio"]
    assert values[:2] == ["<Ánh>", "31"]
    assert [attrs["value"] for attrs in page.all("input", type="radio") if "checked" in attrs] == ["m"]


def test_a_choice_is_a_fieldset_with_its_legend(draw: Any) -> None:
    page = draw("{{ field(form.sex) }}", form=invalid)
    assert page.all("fieldset")[0]["aria-describedby"] == "sex-error"
    assert page.all("legend")


def test_a_long_note_is_kept_for_an_expired_session(draw: Any) -> None:
    page = draw("{{ field(form.note, keep=True) }}", form=Sample)
    assert page.all("textarea")[0]["data-keep"] == "note"


def test_the_summary_links_to_each_field_in_order(app: Flask) -> None:
    with app.test_request_context():
        assert error_links(invalid()) == [
            (None, "This person is already registered"),
            ("name", "Enter the name"),
            ("sex-0", "Choose one"),
            ("born-month", "No such month"),
        ]


def test_the_summary_takes_focus_and_is_absent_without_errors(draw: Any) -> None:
    summary = draw("{{ error_summary(form) }}", form=invalid).all("div", id="error-summary")[0]
    assert summary["role"] == "alert"
    assert summary["tabindex"] == "-1"
    assert "autofocus" in summary
    assert not draw("{{ error_summary(form) }}", form=Sample).tags


def test_a_button_that_changes_something_carries_the_token(draw: Any) -> None:
    page = draw("{{ post_button('Check in', '/in', fields={'version': 3}) }}")
    assert page.all("form", method="post", action="/in")
    assert page.all("input", name="csrf_token")[0]["value"]
    assert page.all("input", name="version", value="3")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("known", "Allergies: Penicillin (rash) Aspirin"),
        ("none_known", "No known allergies"),
        ("not_recorded", "Allergies not recorded – ask the patient"),
        ("unavailable", "Allergies could not be loaded – do not rely on this page"),
    ],
)
def test_allergies_have_four_states_in_words(draw: Any, state: str, words: str) -> None:
    entries = [SimpleNamespace(substance="Penicillin", reaction="rash"), "Aspirin"]
    assert words in draw("{{ allergies(state, entries) }}", state=state, entries=entries).text


def test_an_unknown_allergy_state_never_reads_as_none(draw: Any) -> None:
    assert "could not be loaded" in draw("{{ allergies('broken') }}").text


def test_the_patient_banner_names_the_patient(draw: Any) -> None:
    patient = SimpleNamespace(full_name="Nguyễn Thị Ánh", code="BN-000123", born_on=date(1984, 3, 15))
    text = draw("{{ patient_banner(patient, 'none_known', sex='Female') }}", patient=patient).text
    assert "Nguyễn Thị Ánh" in text
    assert "BN-000123" in text
    assert "15/03/1984" in text


def test_a_flagged_vital_sign_says_so_in_words(draw: Any) -> None:
    rows = [{"label": "Pulse", "unit": "/min", "values": [{"text": "48", "flag": "low"}]}]
    assert "48 low" in draw("{{ vitals_table('Vital signs', ['08:00'], rows) }}", rows=rows).text


def test_pages_keep_the_other_parameters(draw: Any) -> None:
    page = draw(
        "{{ pagination(page) }}",
        url="/list?q=Ánh&state=a&state=b&page=2",
        page=SimpleNamespace(page=2, pages=3, per_page=25, total=60),
    )
    assert page.all("a", rel="next")[0]["href"] == "/list?q=%C3%81nh&state=a&state=b&page=3"
    assert "26–50 of 60" in page.text


def test_one_page_needs_no_pagination(draw: Any) -> None:
    assert not draw("{{ pagination(page) }}", page=SimpleNamespace(page=1, pages=1, per_page=25, total=3)).tags


def test_a_slot_that_was_chosen_stays_chosen(draw: Any) -> None:
    page = draw(
        "{{ slot_picker(form.sex, [('Friday', [('a', '08:30'), ('b', '09:00')]), ('Monday', [('c', '08:30')])]) }}",
        form=lambda: Sample(formdata=None, data={"sex": "b"}),
    )
    assert [attrs["value"] for attrs in page.all("input", type="radio") if "checked" in attrs] == ["b"]
    assert page.ids().count("sex-2") == 1


def test_a_step_is_said_in_words(draw: Any) -> None:
    assert "Step 2 of 5" in draw("{{ steps(2, 5) }}").text


def test_table_cells_carry_their_label_for_phones(draw: Any) -> None:
    page = draw("{% call data_table('Visits', ['Time']) %}<tr>{{ cell('Time', '08:30') }}</tr>{% endcall %}")
    assert page.all("td")[0]["data-label"] == "Time"
    assert page.all("caption")


def test_text_is_escaped(draw: Any) -> None:
    assert not draw("{{ notice(text) }}{{ cell('a', text) }}", text="<script>alert(1)</script>").all("script")


@pytest.mark.parametrize("portal", ["admin", "hospital", "patient"])
@pytest.mark.parametrize("layout", ["portal", "signin"])
def test_every_layout_has_its_landmarks_and_live_regions(app: Flask, portal: str, layout: str) -> None:
    name = portal if layout == "portal" else layout
    source = f"{{% extends 'layouts/{name}.html' %}}{{% block title %}}Today{{% endblock %}}"
    with app.test_request_context():
        page = Page(render_template_string(source, **frame(portal)))
    assert page.all("html")[0]["data-portal"] == portal
    assert page.all("main", id="main")
    assert page.all("div", id="flash", role="status")
    assert page.all("div", id="alert", role="alert")
    assert page.all("div", id="content")
    assert page.all("meta", name="csrf-token")
    assert '"5xx"' in (page.all("meta", name="htmx-config")[0]["content"] or "")


def test_the_title_tells_of_errors_first(app: Flask) -> None:
    source = "{% extends 'layouts/hospital.html' %}{% block title %}New patient{% endblock %}"
    with app.test_request_context("/?lang=vi"):
        html = render_template_string(source, has_errors=True, **frame())
    assert "<title>Lỗi: New patient – Bệnh viện Hoà Bình</title>" in html


def test_the_error_page_needs_no_person_and_no_hospital(app: Flask) -> None:
    facts = {"status_code": 503, "title": "Gone", "message": "No answer.", "remedy": None, "request_id": "r-9"}
    with app.test_request_context():
        page = Page(render_template("errors/error.html", retry_after=15, **facts))
    assert "r-9" in page.text
    assert "15 seconds" in page.text


def test_a_conflict_shows_before_mine_and_theirs(app: Flask) -> None:
    facts: dict[str, Any] = {
        "layout": "layouts/hospital.html",
        "title": "Changed",
        "changed_by": "Lê Thị Hồng",
        "changed_at": "20/11/2026 09:12",
        "rows": [
            SimpleNamespace(
                name="note", label="Note", was="a", mine="b", theirs="c", mine_shown="b", theirs_shown="c", keep="mine"
            )
        ],
        "action": "/save",
        "hidden": {"version": 3},
        "view_url": "/view",
    }
    with app.test_request_context():
        page = Page(render_template("errors/conflict.html", **facts, **frame()))
    assert "Lê Thị Hồng" in page.text
    assert page.all("input", name="version", value="3")
    assert page.all("input", name="note", value="b")
    assert page.all("input", name="note", value="c")


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_showcase_is_sound(app: Flask, language: str) -> None:
    with app.test_request_context(f"/?lang={language}"):
        page = Page(render_template("admin/components.html", **showcase_context("dark"), **frame("admin")))
    assert page.all("html")[0]["data-scheme"] == "dark"
    assert [name for name, count in Counter(page.ids()).items() if count > 1] == []
    for tag, attrs in page.tags:
        assert "style" not in attrs, f"<{tag}> has an inline style"
        assert not [name for name in attrs if name.startswith(("on", "hx-on"))], f"<{tag}> has an inline handler"
        for name in VOID_TARGETS:
            for target in (attrs.get(name) or "").split():
                assert target in page.ids(), f"<{tag} {name}> points to {target!r}, which is not there"


def test_no_script_evaluates_text() -> None:
    for script in Path(SOURCE / "js").glob("*.js"):
        assert not re.search(r"\beval\(|new Function|innerHTML|document\.write", script.read_text()), script.name
