"""The forms around prescriptions: cancelling, the national code, medicines, order sets, files."""

from __future__ import annotations

from typing import Any

from flask_wtf.file import FileField
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from app.core.i18n import _l
from app.domain.prescriptions.keeping import LABELS, LONGEST, MedicineDetails
from app.domain.prescriptions.order_sets import LONGEST_NAME, LONGEST_NOTE
from app.web.forms import Form
from app.web.versions import read_version

TOO_LONG = _l("This text is too long.")


class _Versioned(Form):
    version = HiddenField()

    @property
    def version_number(self) -> int:
        """The version that the page showed."""
        return read_version(self.version.data) or 0


class CancelPrescriptionForm(_Versioned):
    """Why a signed prescription is cancelled."""

    reason = StringField(
        _l("Reason"), validators=[DataRequired(_l("Write the reason.")), Length(max=500, message=TOO_LONG)]
    )


class NationalCodeForm(_Versioned):
    """The code that the national system of prescriptions gave."""

    national_code = StringField(_l("National code"), validators=[Length(max=40, message=TOO_LONG)])


def _text(name: str) -> Any:
    longest = LONGEST.get(name, 1000)
    return StringField(LABELS[name], validators=[Length(max=longest, message=TOO_LONG)])


class MedicineForm(_Versioned):
    """A medicine of the formulary; `was_…` is what the page began with."""

    code = _text("code")
    name = _text("name")
    strength = _text("strength")
    form = _text("form")
    unit = _text("unit")
    dose_unit = _text("dose_unit")
    package_content = _text("package_content")
    route = _text("route")
    atc_code = _text("atc_code")
    ingredients = _text("ingredients")
    was = HiddenField()

    def details(self) -> MedicineDetails:
        """Return what is typed."""
        return MedicineDetails(**{name: self._fields[name].data or "" for name in LABELS})


class SheetForm(Form):
    """A file with rows."""

    file = FileField(_l("File"))


class OrderSetForm(_Versioned):
    """The name of an order set, and what it is for."""

    name = StringField(_l("Name"), validators=[Length(max=LONGEST_NAME, message=TOO_LONG)])
    note = TextAreaField(_l("What it is for"), validators=[Length(max=LONGEST_NOTE, message=TOO_LONG)])
