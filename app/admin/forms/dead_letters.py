"""The form with which operators say why work need not be done."""

from __future__ import annotations

from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from app.core.i18n import _l
from app.tenancy.dead_letters import LONGEST_DECISION
from app.web.forms import Form


class DismissForm(Form):
    """Why."""

    reason = TextAreaField(
        _l("Why it need not be done"),
        validators=[
            DataRequired(_l("Say why.")),
            Length(max=LONGEST_DECISION, message=_l("Use at most %(count)s characters.", count=LONGEST_DECISION)),
        ],
    )
