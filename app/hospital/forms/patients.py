"""The form in which the desk writes down a patient."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask import request
from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from app.core import clock
from app.core.errors import InvalidValue
from app.core.formats.dates import format_date, parse_date
from app.core.formats.phones import format_phone, parse_phone
from app.core.formats.provinces import provinces
from app.core.i18n import _, _l
from app.domain.access.fields import FieldClosed, may_write
from app.domain.patients.bhyt import parse_bhyt
from app.domain.patients.cccd import parse_cccd
from app.domain.patients.duplicates import Told, read_told
from app.domain.patients.models import AllergyState, Sex
from app.domain.patients.queries import COLUMNS_OF
from app.domain.patients.rules import (
    LONGEST_NAME,
    PatientDetails,
    check_allergies,
    check_born_on,
    parse_allergies,
    write_allergies,
)
from app.hospital.wording import ALLERGY_STATE, SEX
from app.web.forms import Form
from app.web.principals import current_actor
from app.web.templates import hospital_zone
from app.web.versions import read_version


class AllergiesForm(Form):
    """What is known of a patient's allergies; `was` is what the page began with, for the case of a conflict."""

    allergy_state = RadioField(
        _l("Allergies"),
        choices=[SelectChoice(state.value, label) for state, label in ALLERGY_STATE.items()],
        default=AllergyState.NOT_RECORDED.value,
        validators=[DataRequired(_l("Choose what is known of allergies."))],
    )
    allergies = TextAreaField(_l("Allergic to"), validators=[Length(max=4000, message=_l("This text is too long."))])
    version = HiddenField()
    was = HiddenField()

    def validate_allergies(self, field: Any) -> None:
        """Hold the list against what is said to be known."""
        try:
            check_allergies(AllergyState(self.allergy_state.data), parse_allergies(field.data or ""))
        except InvalidValue as error:
            raise ValidationError(error.message) from None
        except ValueError:
            return

    @property
    def version_number(self) -> int:
        """The version that the page showed; 0, which never exists, where somebody tampered with it."""
        return read_version(self.version.data) or 0

    @property
    def began_with(self) -> dict[str, str]:
        """The values that the page began with; nothing where they are unreadable."""
        try:
            found = json.loads(self.was.data or "{}")
        except ValueError:
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


class PatientForm(AllergiesForm):
    """Everything that the desk writes down; each field is read as people in Vietnam write it."""

    full_name = StringField(
        _l("Full name"),
        validators=[
            DataRequired(_l("Enter the patient's full name.")),
            Length(max=LONGEST_NAME, message=_l("A name has at most %(most)s characters.", most=LONGEST_NAME)),
        ],
    )
    born_on = StringField(_l("Date of birth"), validators=[DataRequired(_l("Enter the date of birth."))])
    sex = RadioField(
        _l("Sex"),
        choices=[SelectChoice(sex.value, label) for sex, label in SEX.items()],
        validators=[DataRequired(_l("Choose the sex."))],
    )
    cccd = StringField(_l("CCCD number"), validators=[Optional()])
    bhyt = StringField(_l("Health insurance (BHYT)"), validators=[Optional()])
    phone = StringField(_l("Phone"), validators=[Optional()])
    email = StringField(_l("E-mail"), validators=[Optional(), Length(max=254)])
    province = SelectField(_l("Province or city"), validators=[Optional()])
    ward = StringField(_l("Ward or commune"), validators=[Optional(), Length(max=100)])
    street = StringField(_l("House number, street"), validators=[Optional(), Length(max=200)])
    scan = StringField(_l("Scan a card"), validators=[Optional()])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leave_out_closed()
        if self.province is None:
            return
        names = sorted(provinces().values())
        kept = [self.province.data] if self.province.data and self.province.data not in names else []
        self.province.choices = [
            SelectChoice("", _("Choose")),
            *(SelectChoice(name, name) for name in [*kept, *names]),
        ]

    def _leave_out_closed(self) -> None:
        """Leave out what the person's roles do not let them write; raises FieldClosed where it was sent nonetheless."""
        actor = current_actor()
        for code, names in COLUMNS_OF.items():
            if may_write(actor, code):
                continue
            for name in names:
                if request.form.get(name, "").strip():
                    raise FieldClosed
                del self[name]

    def _typed(self, name: str) -> str | None:
        return self[name].data or None if name in self else None

    @property
    def is_somebody_else(self) -> bool:
        """Whether the person was shown who may be the same, and says that this is somebody else."""
        return request.form.get("somebody_else") == "1"

    def told(self) -> Told:
        """Return what the fields say so far, half-filled as they may be."""
        try:
            born_on = parse_date(self.born_on.data or "")
        except InvalidValue:
            born_on = None
        typed = (self._typed(name) or "" for name in ("cccd", "bhyt", "phone"))
        return read_told(self.full_name.data or "", born_on, *typed)

    def fill(self, values: Mapping[str, str]) -> None:
        """Put what a card says into the fields that the person may write, and empty the one that was scanned into."""
        for name, value in values.items():
            if name in self:
                self[name].data = value
        self.scan.data = ""

    def validate_born_on(self, field: Any) -> None:
        """Read the date; it must not lie ahead."""
        with _said_at_field():
            check_born_on(parse_date(field.data), clock.today(hospital_zone()))

    def validate_cccd(self, field: Any) -> None:
        """Read the number and hold it against sex and date of birth, where these are readable."""
        try:
            born_on = parse_date(self.born_on.data or "")
        except InvalidValue:
            born_on = None
        with _said_at_field():
            parse_cccd(field.data, sex=self.sex.data, birth_date=born_on)

    def validate_bhyt(self, field: Any) -> None:
        """Read the number in any of its three formats."""
        with _said_at_field():
            parse_bhyt(field.data)

    def validate_phone(self, field: Any) -> None:
        """Read the number as people write it."""
        with _said_at_field():
            parse_phone(field.data)

    def validate_email(self, field: Any) -> None:
        """Read the address; whether it receives mail is not asked."""
        try:
            validate_email(field.data, check_deliverability=False)
        except EmailNotValidError:
            raise ValidationError(_("Enter an e-mail address, for example ten@example.vn.")) from None

    def details(self) -> PatientDetails:
        """Return what a valid form says."""
        return PatientDetails(
            full_name=self.full_name.data,
            born_on=parse_date(self.born_on.data),
            sex=Sex(self.sex.data),
            cccd=self._typed("cccd"),
            bhyt=self._typed("bhyt"),
            phone=self._typed("phone"),
            email=self._typed("email"),
            province=self._typed("province"),
            ward=self._typed("ward"),
            street=self._typed("street"),
            allergy_state=AllergyState(self._typed("allergy_state") or AllergyState.NOT_RECORDED),
            allergies=parse_allergies(self._typed("allergies") or ""),
        )


def form_values(details: PatientDetails) -> dict[str, str]:
    """Return details as the fields of the form show them."""
    return {
        "full_name": details.full_name,
        "born_on": format_date(details.born_on),
        "sex": details.sex.value,
        "cccd": details.cccd or "",
        "bhyt": details.bhyt or "",
        "phone": format_phone(details.phone) if details.phone else "",
        "email": details.email or "",
        "province": details.province or "",
        "ward": details.ward or "",
        "street": details.street or "",
        "allergy_state": details.allergy_state.value,
        "allergies": write_allergies(details.allergies),
    }


class _said_at_field:  # noqa: N801
    """Show what a parser refuses at the field that is being validated."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, InvalidValue):
            raise ValidationError(error.message) from None
