"""What the steps of a booking ask. What may be booked is decided by the domain."""

from __future__ import annotations

from wtforms import HiddenField, IntegerField, RadioField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from app.core.i18n import _l
from app.domain.appointments.operations import LONGEST_CANCEL_REASON
from app.domain.appointments.rules import LONGEST_REASON
from app.web.forms import Form


class SlotForm(Form):
    """A free time; sent by GET, so that the answer stands in the address."""

    slot = RadioField(_l("Choose a time"), choices=[], validate_choice=False)

    class Meta(Form.Meta):
        csrf = False


class ReasonForm(Form):
    """Why the patient comes."""

    reason = TextAreaField(
        _l("Why do you want to see a doctor?"),
        validators=[
            DataRequired(_l("Write in a few words why you want to see a doctor.")),
            Length(max=LONGEST_REASON, message=_l("Use at most %(max)d characters.")),
        ],
    )


class BookingForm(Form):
    """All answers together, as the last page shows them."""

    department = HiddenField()
    doctor = HiddenField()
    slot = HiddenField()
    reason = HiddenField()


class CancelForm(Form):
    """Why a visit is cancelled, if the patient wants to say so."""

    reason = TextAreaField(
        _l("Reason"),
        validators=[Length(max=LONGEST_CANCEL_REASON, message=_l("Use at most %(max)d characters."))],
    )
    version = IntegerField(validators=[InputRequired()])
