"""The forms with which operators register and suspend hospitals; what a code or a domain may be is tenancy's rule."""

from __future__ import annotations

from typing import Any

from flask import current_app
from wtforms import IntegerField, PasswordField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, NumberRange, Optional, Regexp, ValidationError

from app.admin.words import LANGUAGES, PLANS, REGIONS
from app.core.errors import InvalidValue
from app.core.formats.names import normalise_name
from app.core.i18n import _l
from app.domain.identity.administrators import USERNAME, check_administrator_address
from app.domain.identity.passwords import LONGEST, STAFF_LENGTH
from app.tenancy.domains import parse_domain
from app.tenancy.operations import LONGEST_REASON
from app.tenancy.provisioning import check_code
from app.web.forms import Form

TIMEZONES = [
    SelectChoice(f"Asia/{place}", f"Asia/{place}")
    for place in ("Ho_Chi_Minh", "Bangkok", "Phnom_Penh", "Vientiane", "Singapore", "Tokyo")
]
MOST_USERS = 100_000
MOST_STORAGE_GB = 100_000


def _at_most(count: int) -> Length:
    return Length(max=count, message=_l("Use at most %(count)s characters.", count=count))


def _clean(text: str | None) -> str | None:
    return normalise_name(text.replace("\0", "")) if text else text


class WholeNumberField(IntegerField):  # type: ignore[misc]
    """A whole number whose error says so in words."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the number, with or without groups of three."""
        if not valuelist or not valuelist[0].strip():
            self.data = None
            raise ValueError(str(_l("Enter a whole number.")))
        try:
            self.data = int(valuelist[0].strip().replace(".", "").replace(" ", ""))
        except ValueError:
            self.data = None
            raise ValueError(str(_l("Enter a whole number."))) from None


class HospitalForm(Form):
    """Everything that a new hospital needs."""

    name = StringField(
        _l("Legal name"), filters=[_clean], validators=[DataRequired(_l("Enter the legal name.")), _at_most(200)]
    )
    display_name = StringField(
        _l("Name shown to people"),
        filters=[_clean],
        validators=[DataRequired(_l("Enter the name that people are shown.")), _at_most(80)],
    )
    code = StringField(_l("Code"), validators=[DataRequired(_l("Enter a code."))])
    custom_domain = StringField(_l("Own domain"))
    region = SelectField(_l("Region"))
    cluster = SelectField(_l("Database server"), validators=[Optional()])
    timezone = SelectField(_l("Time zone"), choices=TIMEZONES, default="Asia/Ho_Chi_Minh")
    locale = RadioField(_l("Language"), choices=[SelectChoice(*entry) for entry in LANGUAGES], default="vi")
    plan = SelectField(_l("Service plan"), choices=[SelectChoice(*entry) for entry in PLANS], default="standard")
    max_users = WholeNumberField(
        _l("Staff accounts at most"),
        default=100,
        validators=[NumberRange(1, MOST_USERS, _l("Enter a number from 1 to %(most)s.", most="100.000"))],
    )
    max_storage_gb = WholeNumberField(
        _l("Storage at most"),
        default=50,
        validators=[NumberRange(1, MOST_STORAGE_GB, _l("Enter a number from 1 to %(most)s.", most="100.000"))],
    )
    full_name = StringField(
        _l("Full name"),
        filters=[_clean],
        validators=[DataRequired(_l("Enter the administrator's full name.")), _at_most(100)],
    )
    username = StringField(
        _l("Sign-in name"),
        filters=[lambda value: value.lower() if value else value],
        validators=[
            DataRequired(_l("Enter a sign-in name for the administrator.")),
            Regexp(
                USERNAME, 0, _l("Use 3 to 50 lower-case letters, digits, dots and hyphens, beginning with a letter.")
            ),
        ],
    )
    email = StringField(_l("E-mail"), validators=[_at_most(254)])
    password = PasswordField(
        _l("First password"),
        validators=[
            Optional(),
            Length(min=STAFF_LENGTH, message=_l("Use at least %(count)s characters.", count=STAFF_LENGTH)),
            _at_most(LONGEST),
        ],
    )

    def offer_regions(self, regions: list[str]) -> None:
        """Offer the regions in which there are database servers."""
        self.region.choices = [SelectChoice(region, REGIONS.get(region, region)) for region in regions]

    def offer_servers(self, servers: list[tuple[str, str]]) -> None:
        """Offer the servers with room, by name and words; the first choice leaves it to the platform."""
        self.cluster.choices = [
            SelectChoice("", str(_l("The region's with the most room"))),
            *(SelectChoice(*server) for server in servers),
        ]

    def validate_email(self, field: Any) -> None:
        """Ask for an address to invite to, or for a first password."""
        if field.data:
            _apply(check_administrator_address, field.data)
        elif not self.password.data:
            raise ValidationError(_l("Enter an e-mail address for the invitation, or a first password below."))

    def validate_code(self, field: Any) -> None:
        """Apply the rule of codes."""
        _apply(check_code, field.data)

    def validate_custom_domain(self, field: Any) -> None:
        """Apply the rule of domains, and keep the domain as it is written in addresses."""
        field.data = _apply(parse_domain, field.data or "", current_app.extensions["settings"]) or ""


class SuspendForm(Form):
    """Why a hospital is suspended."""

    reason = TextAreaField(
        _l("Reason"),
        filters=[_clean],
        validators=[DataRequired(_l("Say why the hospital is suspended.")), _at_most(LONGEST_REASON)],
    )


def _apply(rule: Any, *values: Any) -> Any:
    try:
        return rule(*values)
    except InvalidValue as error:
        raise ValidationError(error.message) from None
