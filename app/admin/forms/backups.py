"""The form of a backup policy; what is allowed is tenancy's rule."""

from __future__ import annotations

from wtforms.validators import NumberRange

from app.admin.forms.hospital import WholeNumberField
from app.core.i18n import _l
from app.tenancy.backups.policies import AT_LEAST_ONE, MOST
from app.web.forms import Form


def _between(name: str) -> NumberRange:
    least = 1 if name in AT_LEAST_ONE else 0
    return NumberRange(
        least, MOST[name], _l("Enter a number from %(least)s to %(most)s.", least=least, most=MOST[name])
    )


class PolicyForm(Form):
    """How often, and how many of each kind are kept."""

    every_hours = WholeNumberField(_l("A backup every"), validators=[_between("every_hours")])
    keep_daily = WholeNumberField(_l("Daily ones kept"), validators=[_between("keep_daily")])
    keep_weekly = WholeNumberField(_l("Weekly ones kept"), validators=[_between("keep_weekly")])
    keep_monthly = WholeNumberField(_l("Monthly ones kept"), validators=[_between("keep_monthly")])
    keep_yearly = WholeNumberField(_l("Yearly ones kept"), validators=[_between("keep_yearly")])
    drill_every_days = WholeNumberField(_l("A restore drill every"), validators=[_between("drill_every_days")])
