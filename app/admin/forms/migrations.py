"""The forms with which operators upgrade hospitals' databases."""

from __future__ import annotations

import re

from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, NumberRange

from app.core.i18n import _l
from app.tenancy.upgrading.planning import MOST_PARALLEL, FleetRequest
from app.tenancy.upgrading.scripts import Revision
from app.web.forms import Form

SEPARATORS = re.compile(r"[\s,;]+")


class RevisionForm(Form):
    """To which revision one hospital is brought."""

    to = SelectField(_l("Revision"))

    def offer(self, revisions: list[Revision]) -> None:
        """Offer the revisions there are, the newest first."""
        self.to.choices = [SelectChoice(one.name, f"{one.name} · {one.title}") for one in reversed(revisions)]


class MigrationForm(RevisionForm):
    """How the fleet is upgraded."""

    canary = StringField(_l("Canary"))
    canary_count = IntegerField(
        _l("How many go first"), default=1, validators=[InputRequired(_l("Enter a number.")), NumberRange(0, 100)]
    )
    waves = StringField(_l("Waves"), default="5%, 25%")
    budget = StringField(_l("Failures at most"), default="5%", validators=[DataRequired(_l("Enter a number."))])
    parallel = IntegerField(
        _l("At the same time"),
        default=4,
        validators=[InputRequired(_l("Enter a number.")), NumberRange(1, MOST_PARALLEL)],
    )
    lock_milliseconds = IntegerField(
        _l("Wait for a lock"), default=500, validators=[InputRequired(_l("Enter a number.")), NumberRange(1, 600_000)]
    )
    statement_minutes = IntegerField(
        _l("Longest statement"), default=10, validators=[InputRequired(_l("Enter a number.")), NumberRange(1, 1440)]
    )
    only = StringField(_l("Only these hospitals"))
    leave_out = StringField(_l("Not these hospitals"))
    backup_first = BooleanField(_l("Back each hospital up right before"))

    def as_request(self) -> FleetRequest:
        """Return what was asked for."""
        return FleetRequest(
            to=self.to.data,
            canary=_words(self.canary),
            canary_count=self.canary_count.data or 0,
            waves=_words(self.waves),
            budget=(self.budget.data or "").strip(),
            parallel=self.parallel.data or 1,
            lock_timeout_ms=self.lock_milliseconds.data or 1,
            statement_timeout_ms=(self.statement_minutes.data or 1) * 60_000,
            only=_words(self.only),
            leave_out=_words(self.leave_out),
            backup_first=bool(self.backup_first.data),
        )


def _words(field: StringField) -> tuple[str, ...]:
    return tuple(word for word in SEPARATORS.split(field.data or "") if word)
