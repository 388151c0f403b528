"""The forms with which operators are invited, given a role, and closed."""

from __future__ import annotations

from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from app.core.i18n import _l
from app.domain.identity.permissions import OPERATOR_ROLES
from app.tenancy.models import OperatorRole
from app.web.forms import Form

LONGEST = 200


class RoleForm(Form):
    """What an operator may do."""

    role = SelectField(_l("Role"), validators=[DataRequired(_l("Choose a role."))])

    def offer(self) -> RoleForm:
        """Offer the roles, in the reader's language."""
        self.role.choices = [SelectChoice(role.value, str(title)) for role, title in OPERATOR_ROLES.items()]
        return self

    @property
    def chosen(self) -> OperatorRole:
        return OperatorRole(self.role.data)


class NewOperatorForm(RoleForm):
    """Somebody who is to operate the platform."""

    full_name = StringField(_l("Full name"), validators=[DataRequired(_l("Enter the full name.")), Length(max=LONGEST)])
    username = StringField(
        _l("Sign-in name"),
        validators=[DataRequired(_l("Enter a sign-in name.")), Length(max=50)],
        render_kw={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"},
    )
    email = StringField(
        _l("E-mail"),
        validators=[DataRequired(_l("Enter an e-mail address such as ten@benhvien.vn.")), Length(max=LONGEST)],
        render_kw={"inputmode": "email"},
    )


class ReasonForm(Form):
    """Why something is done to somebody's account."""

    reason = StringField(_l("Reason"), validators=[DataRequired(_l("Say in a few words why.")), Length(max=300)])
