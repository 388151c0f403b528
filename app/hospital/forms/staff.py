"""The forms with which a hospital's staff accounts are made, changed and closed."""

from __future__ import annotations

from uuid import UUID

from wtforms import BooleanField, HiddenField, SelectField, SelectMultipleField, StringField, widgets
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from app.core.errors import InvalidValue
from app.core.formats.phones import parse_phone
from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.domain.identity.staff import StaffFacts
from app.domain.identity.staff_queries import list_departments, list_roles
from app.web.forms import Form

LONGEST = 200
TOO_LONG = _l("Use at most %(count)s characters.", count=LONGEST)
WEEKDAYS = (
    _l("Monday"),
    _l("Tuesday"),
    _l("Wednesday"),
    _l("Thursday"),
    _l("Friday"),
    _l("Saturday"),
    _l("Sunday"),
)


class StaffForm(Form):
    """Who somebody is, where they work, and which roles they have."""

    full_name = StringField(_l("Full name"), validators=[DataRequired(_l("Enter the full name.")), Length(max=LONGEST)])
    email = StringField(
        _l("E-mail"), validators=[Length(max=LONGEST, message=TOO_LONG)], render_kw={"inputmode": "email"}
    )
    phone = StringField(_l("Phone"), validators=[Length(max=30)], render_kw={"inputmode": "tel"})
    roles = SelectMultipleField(
        _l("Roles"),
        option_widget=widgets.CheckboxInput(),
        widget=widgets.ListWidget(prefix_label=False),
        validators=[DataRequired(_l("Choose at least one role."))],
    )
    department = SelectField(_l("Department"), validators=[Optional()])
    specialization = StringField(_l("Specialization"), validators=[Length(max=LONGEST, message=TOO_LONG)])
    licence_number = StringField(_l("Practice licence"), validators=[Length(max=50)])
    knowingly = BooleanField(_l("I know that I lose the right to manage staff"))
    version = HiddenField()

    def offer(self) -> StaffForm:
        """Offer the hospital's roles and departments."""
        self.roles.choices = [SelectChoice(code, name) for code, name in list_roles()]
        departments = [SelectChoice(str(department_id), name) for department_id, name in list_departments()]
        self.department.choices = [SelectChoice("", _("None")), *departments]
        return self

    def facts(self) -> StaffFacts:
        """Return what was typed; raises InvalidValue for a telephone number that is none."""
        return StaffFacts(
            full_name=self.full_name.data,
            email=self.email.data or None,
            phone=_phone(self.phone.data),
            department_id=_id(self.department.data),
            specialization=self.specialization.data or None,
            licence_number=self.licence_number.data or None,
        )


class NewStaffForm(StaffForm):
    """The same of somebody new, with the name to sign in with."""

    username = StringField(
        _l("Sign-in name"),
        validators=[DataRequired(_l("Enter a sign-in name.")), Length(max=50)],
        render_kw={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"},
    )


class ReasonForm(Form):
    """Why something is done to somebody's account."""

    reason = StringField(_l("Reason"), validators=[DataRequired(_l("Say in a few words why.")), Length(max=300)])


def _phone(text: str | None) -> str | None:
    try:
        return parse_phone(text) if text else None
    except InvalidValue as error:
        raise InvalidValue(error.message, field="phone") from None


def _id(text: str | None) -> UUID | None:
    return parse_id(text) if text else None
