"""The forms about messages: words, and how each channel is used."""

from __future__ import annotations

from wtforms import BooleanField, IntegerField, PasswordField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput

from app.config import GatewaySettings
from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.domain.messages.models import MessageChannel
from app.domain.messages.wording import LONGEST_BODY, LONGEST_SUBJECT
from app.web.forms import Form

TOO_LONG = _l("Use at most %(max)d characters.")


class WordingForm(Form):
    """A message's own words."""

    subject = StringField(_l("Subject"), validators=[Length(max=LONGEST_SUBJECT, message=TOO_LONG)])
    body = TextAreaField(_l("Text"), validators=[Length(max=LONGEST_BODY, message=TOO_LONG)])
    version = IntegerField(validators=[InputRequired()], widget=HiddenInput())


class ChannelForm(Form):
    """How a channel is used that has no gateway."""

    enabled = BooleanField(_l("Use this channel"))
    sender_name = StringField(_l("Sender's name"), validators=[Length(max=80, message=TOO_LONG)])
    version = IntegerField(validators=[InputRequired()], widget=HiddenInput())


class TestMessageForm(Form):
    """Where a test message goes."""

    to = StringField(
        _l("Send a test message to"),
        validators=[InputRequired(_l("Enter an address.")), Length(max=200, message=TOO_LONG)],
    )


class SmsForm(ChannelForm):
    """How text messages are sent."""

    plain_letters = BooleanField(_l("Send without Vietnamese diacritics"))
    gateway = RadioField(
        _l("Gateway"),
        choices=[
            SelectChoice("platform", _l("The platform's gateway")),
            SelectChoice("own", _l("The hospital's own gateway")),
        ],
        default="platform",
    )
    url = StringField(_l("Address"), validators=[Length(max=500, message=TOO_LONG)])
    method = SelectField(_l("HTTP method"), choices=[SelectChoice(one, one) for one in ("POST", "PUT", "GET")])
    headers = TextAreaField(_l("Headers"), validators=[Length(max=2000, message=TOO_LONG)])
    kind = SelectField(_l("Body"), choices=[SelectChoice("json", "JSON"), SelectChoice("form", _l("Form (a=b&c=d)"))])
    body = TextAreaField(_l("What is sent"), validators=[Length(max=4000, message=TOO_LONG)])
    credential = PasswordField(_l("Key or password"), validators=[Length(max=500, message=TOO_LONG)])
    id_path = StringField(_l("Where the answer has the message's number"), validators=[Length(max=200)])
    ok_path = StringField(_l("Where the answer says whether it was taken"), validators=[Length(max=200)])
    ok_value = StringField(_l("What it says there when it was"), validators=[Length(max=100)])
    cost = IntegerField(
        _l("Price of one text message"),
        validators=[Optional(), NumberRange(0, 1_000_000, message=_l("Enter a price in đồng."))],
        default=0,
    )

    def fill_from(self, row: MessageChannel) -> None:
        """Show what the hospital has said before; the credential is never shown."""
        self.plain_letters.data = row.plain_letters
        self.gateway.data = "own" if row.own_gateway else "platform"
        if row.gateway:
            said = GatewaySettings(**row.gateway)
            for name in ("url", "method", "kind", "body", "id_path", "ok_path", "ok_value", "cost"):
                self._fields[name].data = getattr(said, name)
            self.headers.data = "\n".join(f"{name}: {value}" for name, value in said.headers.items())

    def read_gateway(self) -> GatewaySettings | None:
        """Return the hospital's own gateway, or None for the platform's; raises InvalidValue."""
        if self.gateway.data != "own":
            return None
        return GatewaySettings(
            url=self.url.data or "",
            method=self.method.data,
            headers=self._read_headers(),
            body=self.body.data or "",
            kind=self.kind.data,
            id_path=self.id_path.data or "",
            ok_path=self.ok_path.data or "",
            ok_value=self.ok_value.data or "",
            cost=self.cost.data or 0,
        )

    def _read_headers(self) -> dict[str, str]:
        found = {}
        for line in filter(None, (line.strip() for line in (self.headers.data or "").splitlines())):
            name, colon, value = line.partition(":")
            if not colon:
                raise InvalidValue(
                    _l("Write each header as a line of its own, such as “Authorization: Key {credential}”."),
                    field="headers",
                )
            found[name.strip()] = value.strip()
        return found
