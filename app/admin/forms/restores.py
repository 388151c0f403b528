"""The forms with which operators restore, swap back and import hospitals."""

from __future__ import annotations

from typing import Any

from wtforms import RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from app.core.errors import InvalidValue
from app.core.i18n import _l
from app.tenancy.provisioning import check_code
from app.web.forms import Form


class CodeTypedForm(Form):
    """An act that people notice: the hospital's code is typed once more."""

    typed = StringField(_l("The hospital's code"), validators=[DataRequired(_l("Type the code to go on."))])

    def __init__(self, *args: Any, code: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._code = code

    def validate_typed(self, field: StringField) -> None:
        """Have the code typed as it is."""
        if field.data != self._code:
            raise ValidationError(str(_l("This is not the code of this hospital. Nothing was done.")))


class RestoreForm(CodeTypedForm):
    """Which backup a hospital is brought back to."""

    backup = RadioField(_l("Backup"), validators=[DataRequired(_l("Choose a backup."))])

    def offer(self, backups: list[tuple[str, str]]) -> None:
        """Offer these backups by id and words."""
        self.backup.choices = [SelectChoice(*entry) for entry in backups]


class ImportForm(Form):
    """A hospital of another installation and what it is to be called here."""

    location = StringField(_l("Place in the backup store"), validators=[DataRequired(_l("Enter the backup's place."))])
    code = StringField(_l("Code"), validators=[DataRequired(_l("Enter a code."))])
    name = StringField(_l("Legal name"), validators=[DataRequired(_l("Enter the legal name.")), Length(max=200)])
    display_name = StringField(
        _l("Name shown to people"),
        validators=[DataRequired(_l("Enter the name that people are shown.")), Length(max=80)],
    )
    region = SelectField(_l("Region"))

    def offer_regions(self, regions: list[str], words: dict[str, Any]) -> None:
        """Offer the regions in which there is a database server."""
        self.region.choices = [SelectChoice(region, str(words.get(region, region))) for region in regions]

    def validate_code(self, field: StringField) -> None:
        """Refuse what cannot be a code."""
        try:
            check_code(field.data)
        except InvalidValue as error:
            raise ValidationError(str(error.message)) from None
