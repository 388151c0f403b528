"""The form with which operators move a hospital to another database server."""

from __future__ import annotations

from wtforms import RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired

from app.admin.forms.restores import CodeTypedForm
from app.core.i18n import _l
from app.tenancy.moving.planning import AUTO, DUMP, REPLICATION

METHODS = (
    (AUTO, _l("By its size")),
    (DUMP, _l("Dump: paused while it is copied")),
    (REPLICATION, _l("Replication: copied while it is served, paused for seconds")),
)


class MoveForm(CodeTypedForm):
    """Where a hospital goes, and how."""

    cluster = RadioField(_l("Database server"), validators=[DataRequired(_l("Choose a database server."))])
    method = RadioField(_l("How"), default=AUTO, choices=[SelectChoice(*entry) for entry in METHODS])

    def offer(self, servers: list[tuple[str, str]]) -> None:
        """Offer these servers by name and words."""
        self.cluster.choices = [SelectChoice(*entry) for entry in servers]
