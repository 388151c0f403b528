"""The form with which operators tell every hospital's staff something."""

from __future__ import annotations

from wtforms import TextAreaField
from wtforms.validators import Length

from app.core.i18n import _l
from app.tenancy.configuration import LONGEST_NOTICE
from app.web.forms import Form


class NoticeForm(Form):
    """What is shown; nothing takes it away."""

    text = TextAreaField(
        _l("Notice"),
        validators=[
            Length(max=LONGEST_NOTICE, message=_l("Write at most %(count)s characters.", count=LONGEST_NOTICE))
        ],
    )
