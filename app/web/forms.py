"""The form that every form is: trimmed text, its own errors, and errors that operations raise."""

from __future__ import annotations

from typing import Any

from flask_babel import get_locale
from flask_wtf import FlaskForm
from wtforms import StringField

from app.core.errors import InvalidValue, VienError


def trimmed(value: Any) -> Any:
    """Return a text without the blanks around it."""
    return value.strip() if isinstance(value, str) else value


class Form(FlaskForm):  # type: ignore[misc]
    """A form whose texts are trimmed and whose messages come in the reader's language."""

    class Meta:
        def bind_field(self, form: Any, unbound_field: Any, options: dict[str, Any]) -> Any:
            """Trim texts, but never passwords, which may begin with a blank."""
            if (
                issubclass(unbound_field.field_class, StringField)
                and "Password" not in unbound_field.field_class.__name__
            ):
                options = {**options, "filters": [trimmed, *unbound_field.kwargs.get("filters", ())]}
            return unbound_field.bind(form=form, **options)

        @property
        def locales(self) -> list[str]:
            return [str(get_locale() or "vi")]

    def add_error(self, field: str, error: VienError) -> None:
        """Show an error of an operation at the field that it speaks of, or at the given one."""
        name = error.field if isinstance(error, InvalidValue) and error.field in self._fields else field
        self._fields[name].errors = [*self._fields[name].errors, error.message]
