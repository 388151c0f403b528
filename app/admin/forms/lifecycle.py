"""The forms with which operators end a hospital's time here, or take everything that is theirs."""

from __future__ import annotations

from wtforms import BooleanField, TextAreaField
from wtforms.validators import DataRequired, Length

from app.admin.forms.restores import CodeTypedForm
from app.core.i18n import _l
from app.tenancy.operations import LONGEST_REASON


class ReasonForm(CodeTypedForm):
    """Why, and for which hospital."""

    reason = TextAreaField(
        _l("Reason"),
        validators=[
            DataRequired(_l("Say why.")),
            Length(max=LONGEST_REASON, message=_l("Use at most %(count)s characters.", count=LONGEST_REASON)),
        ],
    )


class DeletionForm(ReasonForm):
    """What is to be destroyed besides the hospital."""

    destroy_backups = BooleanField(_l("Destroy its backups too, at the same time"))
