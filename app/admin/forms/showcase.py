"""What the page of components shows: invented people and a form with one field of each kind, valid and not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    FormField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.form import Form
from wtforms.widgets import CheckboxInput, ListWidget

SEXES = [SelectChoice("female", _l("Female")), SelectChoice("male", _l("Male")), SelectChoice("other", _l("Other"))]
DEPARTMENTS = [SelectChoice("", _l("Choose")), SelectChoice("1", "Tim mạch"), SelectChoice("2", "Nhi")]


class ShowcaseDate(Form):  # type: ignore[misc]
    """A date in three parts, as patients type it."""

    day = StringField(_l("Day"))
    month = StringField(_l("Month"))
    year = StringField(_l("Year"))


class ShowcaseForm(FlaskForm):  # type: ignore[misc]
    """One field of each kind."""

    full_name = StringField(_l("Full name"))
    national_id = StringField(_l("CCCD number"))
    visit_date = StringField(_l("Date of visit"))
    weight = StringField(_l("Weight"))
    count = IntegerField(_l("Number of visits"))
    password = PasswordField(_l("Password"))
    department = SelectField(_l("Department"), choices=DEPARTMENTS)
    sex = RadioField(_l("Sex"), choices=SEXES)
    channels = SelectMultipleField(
        _l("Reminders by"),
        choices=[SelectChoice("sms", "SMS"), SelectChoice("email", _l("E-mail"))],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    birth_date = FormField(ShowcaseDate, _l("Date of birth"), separator="-")
    slot = RadioField(_l("Time"), choices=[])
    reason = TextAreaField(_l("Reason for the visit"))
    agree = BooleanField(_l("I have read what happens to my data"))


@dataclass(frozen=True, slots=True)
class ShowcasePatient:
    """As much of a patient as the banner needs."""

    full_name: str = "Nguyễn Thị Ánh Tuyết"
    code: str = "BN-000123"
    born_on: date = date(1984, 3, 15)


@dataclass(frozen=True, slots=True)
class ShowcasePage:
    """A page of a long list."""

    page: int = 4
    pages: int = 9
    per_page: int = 25
    total: int = 212


def showcase_context(scheme: str | None = None) -> dict[str, Any]:
    """Return everything that the page of components is drawn from; scheme is light, dark or None for the system's."""
    return {
        "forms": showcase_forms(),
        "patient": ShowcasePatient(),
        "page": ShowcasePage(),
        "scheme": scheme if scheme in ("light", "dark") else None,
    }


def showcase_forms() -> dict[str, ShowcaseForm]:
    """Return the forms of the page of components: `plain`, `filled`, and `invalid` with errors."""
    filled = ShowcaseForm(
        formdata=None,
        prefix="filled-",
        data={
            "full_name": "Nguyễn Thị Ánh Tuyết",
            "national_id": "079184000123",
            "visit_date": "20/11/2026",
            "weight": "54,5",
            "count": 3,
            "department": "1",
            "sex": "female",
            "channels": ["sms"],
            "birth_date": {"day": "15", "month": "3", "year": "1984"},
            "slot": "0900",
            "reason": "Đau ngực khi gắng sức, kéo dài khoảng hai tuần.",
            "agree": True,
        },
    )
    return {"plain": ShowcaseForm(formdata=None, prefix="plain-"), "filled": filled, "invalid": _invalid()}


def _invalid() -> ShowcaseForm:
    form = ShowcaseForm(
        formdata=None,
        prefix="invalid-",
        data={
            "national_id": "0791840",
            "visit_date": "31/02/2026",
            "birth_date": {"day": "31", "month": "2", "year": "1984"},
        },
    )
    messages = {
        form.full_name: _l("Enter the full name"),
        form.national_id: _l("A CCCD number has 12 digits"),
        form.visit_date: _l("This date does not exist"),
        form.weight: _l("Enter the weight in kilograms"),
        form.password: _l("Enter your password"),
        form.department: _l("Choose a department"),
        form.sex: _l("Choose one"),
        form.channels: _l("Choose at least one"),
        form.slot: _l("This time has just been taken; choose another"),
        form.reason: _l("Say in a few words why you come"),
        form.agree: _l("Confirm that you have read this"),
        form.birth_date.form.day: _l("This date does not exist"),
    }
    for field, message in messages.items():
        field.errors = [str(message)]
    return form
