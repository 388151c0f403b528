"""The questions of how somebody wants to be written to: asked by the patient portal, and by the desk for a patient."""

from __future__ import annotations

from collections.abc import Sequence

from wtforms import RadioField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import CheckboxInput, ListWidget

from app.core.errors import Text
from app.core.i18n import _l
from app.domain.messages.models import Channel
from app.domain.messages.preferences import Preferences
from app.domain.messages.template_kinds import CONFIRMATION, OFFER, REMINDER
from app.web.forms import Form
from app.web.versions import read_version

CHANNEL: dict[Channel, Text] = {
    Channel.SMS: _l("Text message (SMS)"),
    Channel.EMAIL: _l("E-mail"),
    Channel.PUSH: _l("Notice in the browser"),
    Channel.CONSOLE: _l("Console"),
}
KIND: dict[str, Text] = {
    REMINDER: _l("Reminders of visits"),
    CONFIRMATION: _l("News of bookings and moves"),
    OFFER: _l("Offers of earlier times"),
}


class PreferenceForm(Form):
    """Channels in order, the language, and the kinds of messages that are wanted."""

    first = SelectField(_l("First by"))
    second = SelectField(_l("If that fails, by"))
    third = SelectField(_l("And then by"))
    locale = RadioField(
        _l("Language of the messages"),
        choices=[
            SelectChoice("", _l("As in the portal")),
            SelectChoice("vi", "Tiếng Việt"),
            SelectChoice("en", "English"),
        ],
    )
    kinds = SelectMultipleField(
        _l("What do you want to be told of?"),
        choices=[SelectChoice(code, label) for code, label in KIND.items()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    version = StringField()

    def offer(self, channels: Sequence[Channel]) -> None:
        """Let these channels be chosen."""
        ways = [SelectChoice(channel.value, CHANNEL[channel]) for channel in channels]
        self.first.choices = [SelectChoice("", _l("As the hospital does")), *ways]
        self.second.choices = self.third.choices = [SelectChoice("", _l("No other way")), *ways]

    def fill(self, preferences: Preferences, version: int) -> None:
        """Show what was chosen."""
        chosen = [channel.value for channel in preferences.channels]
        self.first.data, self.second.data, self.third.data = (*chosen, "", "", "")[:3]
        self.locale.data = preferences.locale or ""
        self.kinds.data = [code for code in KIND if code not in preferences.muted]
        self.version.data = str(version)

    @property
    def version_number(self) -> int:
        seen = read_version(self.version.data)
        return -1 if seen is None else seen

    @property
    def preferences(self) -> Preferences:
        """What was chosen now."""
        names = [name for name in (self.first.data, self.second.data, self.third.data) if name]
        muted = frozenset(code for code in KIND if code not in (self.kinds.data or ()))
        return Preferences(tuple(Channel(name) for name in names), self.locale.data or None, muted)
