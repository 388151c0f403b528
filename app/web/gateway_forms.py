"""The forms of access rules; what is allowed is `app.tenancy.gateway`'s."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from flask import current_app
from wtforms import BooleanField, HiddenField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, NumberRange, Optional, ValidationError

from app.core.errors import InvalidValue
from app.core.formats.dates import parse_date
from app.core.i18n import _l
from app.tenancy.gateway.addresses import Network, parse_network
from app.tenancy.gateway.editing import LONGEST_REASON, POLICY, RATES
from app.tenancy.gateway.origins import parse_origins, write_origins
from app.tenancy.models import AddressAction
from app.web.forms import Form
from app.web.templates import hospital_zone
from app.web.versions import read_version

PORTALS = {
    "": _l("All portals"),
    "admin": _l("Operators' portal"),
    "hospital": _l("Staff portal"),
    "patient": _l("Patients' portal"),
}
ORIGINS = ("cors_origins", "cors_credential_origins", "frame_ancestors", "connect_sources", "image_sources")
SWITCHES = ("allow_list_only", "second_factor_required")


class NumberField(IntegerField):  # type: ignore[misc]
    """A whole number, or nothing."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the number, with or without groups of three."""
        typed = (valuelist[0] if valuelist else "").strip().replace(".", "").replace(" ", "")
        try:
            self.data = int(typed) if typed else None
        except ValueError:
            self.data = None
            raise ValueError(str(_l("Enter a whole number."))) from None


def _between(least: int, most: int) -> list[Any]:
    message = _l("Enter a number from %(least)s to %(most)s.", least=least, most=most)
    return [Optional(), NumberRange(least, most, message)]


class AddressForm(Form):
    """A new address rule."""

    network = StringField(
        _l("Address or network"), validators=[DataRequired(_l("Enter an address or a network.")), Length(max=64)]
    )
    action = RadioField(
        _l("What happens"),
        choices=[SelectChoice("deny", _l("Refuse")), SelectChoice("allow", _l("Let in"))],
        default="deny",
        validators=[DataRequired(_l("Choose what happens."))],
    )
    rule_portal = SelectField(_l("Counts in"), default="")
    reason = StringField(
        _l("Reason"),
        validators=[
            DataRequired(_l("Say why, for whoever finds this rule in a year.")),
            Length(max=LONGEST_REASON, message=_l("Use at most %(count)s characters.", count=LONGEST_REASON)),
        ],
    )
    expires_on = StringField(_l("Last day"), validators=[Length(max=20)])

    def validate_network(self, field: Any) -> None:
        """Read the network."""
        self.parsed_network: Network = _reading(lambda: parse_network(field.data or ""))

    def validate_expires_on(self, field: Any) -> None:
        """Read the day, which counts to its end where the hospital is."""
        self.expires_at: datetime | None = None
        if field.data:
            day = _reading(lambda: parse_date(field.data))
            self.expires_at = datetime.combine(day + timedelta(days=1), time(), hospital_zone())

    @property
    def wanted_action(self) -> AddressAction:
        """Return what is to happen."""
        return AddressAction(self.action.data)


class SettingsForm(Form):
    """Settings of one portal; `was` is what the page began with, for the case of a conflict."""

    version = HiddenField()
    was = HiddenField()

    @property
    def version_number(self) -> int:
        """The version that the page showed; -1, which never exists, where somebody tampered with it."""
        seen = read_version(self.version.data)
        return -1 if seen is None else seen

    @property
    def began_with(self) -> dict[str, str]:
        """The values that the page began with; nothing where they are unreadable."""
        try:
            found = json.loads(self.was.data or "{}")
        except ValueError:
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


class RatesForm(SettingsForm):
    """How often, how much, from which origins, and what browsers are told."""

    allow_list_only = BooleanField(_l("Only addresses that a rule lets in"))
    requests_per_address = NumberField(_l("Requests from one address"), validators=_between(30, 1_000_000))
    requests_per_person = NumberField(_l("Requests of one person"), validators=_between(30, 1_000_000))
    sign_ins_per_address = NumberField(_l("Tries to sign in from one address"), validators=_between(3, 10_000))
    largest_request_kb = NumberField(_l("Largest form"), validators=_between(64, 102_400))
    cors_origins = TextAreaField(_l("Other sites that may read answers"), validators=[Length(max=4000)])
    cors_credential_origins = TextAreaField(_l("Of these, as the person signed in"), validators=[Length(max=4000)])
    frame_ancestors = TextAreaField(_l("Sites that may show our pages in a frame"), validators=[Length(max=4000)])
    connect_sources = TextAreaField(_l("Sites that our pages may ask"), validators=[Length(max=4000)])
    image_sources = TextAreaField(_l("Sites of pictures on our pages"), validators=[Length(max=4000)])
    hsts_days = NumberField(_l("Browsers stay with https"), validators=_between(0, 1825))

    def validate(self, extra_validators: Any = None) -> bool:
        """Read the lists beside the numbers."""
        fine = bool(super().validate(extra_validators))
        self.lists: dict[str, list[str]] = {}
        plain_http = current_app.extensions["settings"].environment != "production"
        for name in ORIGINS:
            try:
                self.lists[name] = list(parse_origins(self[name].data or "", field=name, plain_http=plain_http))
            except InvalidValue as error:
                self.add_error(name, error)
                fine = False
        return fine

    def values(self) -> dict[str, Any]:
        """Return the settings as they are kept."""
        return {**{name: self[name].data for name in RATES if name not in ORIGINS}, **self.lists}


class PolicyForm(SettingsForm):
    """How people prove who they are, and how long they stay signed in."""

    idle_minutes = NumberField(_l("Signed out when idle for"), validators=_between(5, 120))
    absolute_minutes = NumberField(_l("Signed out at the latest after"), validators=_between(30, 1440))
    confirm_after_minutes = NumberField(_l("Asked again before sensitive acts after"), validators=_between(1, 60))
    second_factor_required = BooleanField(_l("Everybody needs a second factor"))
    shortest_password = NumberField(_l("Shortest password"), validators=_between(8, 64))
    password_history = NumberField(_l("Earlier passwords that are not taken again"), validators=_between(0, 24))
    password_days = NumberField(_l("Passwords end after"), validators=_between(30, 730))

    def values(self) -> dict[str, Any]:
        """Return the settings as they are kept."""
        return {name: self[name].data for name in POLICY}


def form_values(names: tuple[str, ...], values: Mapping[str, Any]) -> dict[str, str]:
    """Return settings as the texts that a form holds."""
    return {name: _text_of(name, values[name]) for name in names}


def form_data(names: tuple[str, ...], row: Any | None) -> dict[str, Any]:
    """Return a row as the data of a form; without one nothing is said."""
    if row is None:
        return {}
    return {name: write_origins(getattr(row, name)) if name in ORIGINS else getattr(row, name) for name in names}


def row_values(names: tuple[str, ...], row: Any | None) -> dict[str, str]:
    """Return a row as the texts that a form holds."""
    return form_values(names, {name: getattr(row, name) if row is not None else None for name in names})


def _text_of(name: str, value: Any) -> str:
    if name in SWITCHES:
        return "true" if value else ""
    if name in ORIGINS:
        return write_origins(value or ())
    return "" if value is None else str(value)


def _reading(read: Any) -> Any:
    try:
        return read()
    except InvalidValue as error:
        raise ValidationError(error.message) from None
