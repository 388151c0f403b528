"""The forms with which buildings, departments, rooms and types of visits are set up."""

from __future__ import annotations

from typing import Any, ClassVar

from wtforms import BooleanField, HiddenField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from app.core.i18n import _, _l
from app.core.ids import parse_id
from app.domain.organisation.catalogues import list_choices
from app.domain.organisation.models import Department, Facility
from app.web.forms import Form
from app.web.versions import read_version

LONGEST = Length(max=200, message=_l("Use at most %(count)s characters.", count=200))
ASK_NUMBER = _l("Enter a number.")
References = dict[str, Any]  # the table of what a field names


class EntryForm(Form):
    """What every entry has: a short code, a name, its place in lists."""

    references: ClassVar[References] = {}

    code = StringField(_l("Code"), validators=[DataRequired(_l("Enter a short code.")), Length(max=20)])
    name = StringField(_l("Name"), validators=[DataRequired(_l("Enter a name.")), LONGEST])
    position = IntegerField(
        _l("Place in lists"), default=0, validators=[Optional(), NumberRange(0, 9999, message=ASK_NUMBER)]
    )
    version = HiddenField()

    def offer(self, entry: Any = None) -> EntryForm:
        """Offer what the entry may belong to, with what it belongs to now, also where that is no longer in use."""
        for name, model in self.references.items():
            rows = list_choices(model, getattr(entry, name, None))
            self[name].choices = [SelectChoice("", _("None")), *(SelectChoice(str(row.id), row.name) for row in rows)]
        return self

    def show(self, entry: Any) -> EntryForm:
        """Fill the form with an entry that is to be changed."""
        for name, field in self._fields.items():
            if name == "closed":
                field.data = entry.closed_at is not None
            elif name in self.references:
                field.data = str(getattr(entry, name) or "")
            elif name != "csrf_token":
                field.data = getattr(entry, name)
        return self

    def facts(self) -> dict[str, Any]:
        """Return what was typed, by the columns of the entry."""
        values = {name: field.data for name, field in self._fields.items() if name not in ("csrf_token", "version")}
        values["position"] = values["position"] or 0
        return values | {name: parse_id(values[name] or "") for name in self.references}

    @property
    def version_number(self) -> int:
        seen = read_version(self.version.data)
        return -1 if seen is None else seen


class FacilityForm(EntryForm):
    address = StringField(_l("Address"), validators=[LONGEST])
    phone = StringField(_l("Phone"), validators=[Length(max=30)], render_kw={"inputmode": "tel"})
    closed = BooleanField(_l("No longer in use"))


class DepartmentForm(EntryForm):
    references: ClassVar[References] = {"facility_id": Facility}

    name_en = StringField(_l("Name in English"), validators=[LONGEST])
    facility_id = SelectField(_l("Building or branch"), default="", validators=[Optional()])
    accepts_bookings = BooleanField(_l("Patients are seen here and can book visits"), default=True)


class RoomForm(EntryForm):
    references: ClassVar[References] = {"department_id": Department, "facility_id": Facility}

    department_id = SelectField(_l("Department"), default="", validators=[Optional()])
    facility_id = SelectField(_l("Building or branch"), default="", validators=[Optional()])
    floor = StringField(_l("Floor"), validators=[Length(max=50)])
    closed = BooleanField(_l("No longer in use"))


class TypeForm(EntryForm):
    references: ClassVar[References] = {"department_id": Department}

    name_en = StringField(_l("Name in English"), validators=[LONGEST])
    department_id = SelectField(_l("Department"), default="", validators=[Optional()])
    minutes = IntegerField(
        _l("Minutes for one visit"),
        default=30,
        validators=[InputRequired(ASK_NUMBER), NumberRange(5, 240, _l("Choose between 5 and 240 minutes."))],
    )
    daily_capacity = IntegerField(
        _l("Most visits for one doctor and day"),
        validators=[Optional(), NumberRange(1, 500, message=_l("Choose between 1 and 500."))],
    )
    closed = BooleanField(_l("No longer in use"))
