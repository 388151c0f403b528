"""The form that every form is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import Babel
from werkzeug.datastructures import MultiDict
from wtforms import PasswordField, StringField

from app.core.errors import Conflict, InvalidValue
from app.web.forms import Form


class Person(Form):
    name = StringField(filters=[lambda text: text and text.upper()])
    password = PasswordField()


@pytest.fixture
def _request() -> Iterator[None]:
    app = Flask("any")
    app.config.update(SECRET_KEY="x", WTF_CSRF_ENABLED=False)
    Babel(app)
    with app.test_request_context(method="POST"):
        yield


def filled(**typed: str) -> Person:
    return Person(formdata=MultiDict(typed))


@pytest.mark.usefixtures("_request")
def test_text_is_trimmed_and_a_password_is_not() -> None:
    form = filled(name="  an ", password="  pass ")
    assert (form.name.data, form.password.data) == ("AN", "  pass ")


@pytest.mark.usefixtures("_request")
def test_a_fields_own_filter_works_the_second_time_too() -> None:
    assert [filled(name=" an ").name.data for _ in range(3)] == ["AN", "AN", "AN"]


@pytest.mark.usefixtures("_request")
def test_an_operations_error_stands_at_the_field_it_speaks_of() -> None:
    form = filled()
    form.add_error("name", InvalidValue("Too short.", field="password"))
    form.add_error("name", InvalidValue("Unknown field.", field="elsewhere"))
    form.add_error("name", Conflict("Taken."))
    assert list(form.password.errors) == ["Too short."]
    assert list(form.name.errors) == ["Unknown field.", "Taken."]
