"""Makes every macro of templates/components a template global, with the few helpers that macros need from Python.

A fragment block does not see its template's own imports; globals it does. What a component looks like is said in its
template and its styles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Flask, request
from jinja2.runtime import Macro
from wtforms import Field
from wtforms.fields import FieldList, FormField
from wtforms.widgets import ListWidget, Select, TextArea

from app.web.passkeys import passkeys_possible

FOLDER = "components/"


def register_components(app: Flask) -> None:
    """Add every component macro and helper to the template globals; call it when filters and globals are in place."""
    helpers = (described_by, error_links, field_errors, field_kind, input_attributes, page_url, passkeys_possible)
    app.jinja_env.globals.update({helper.__name__: helper for helper in helpers})
    app.jinja_env.globals.update(component_macros(app))


def component_macros(app: Flask) -> dict[str, Macro]:
    """Return the macros of all component files by name; raises ValueError when two files share a name."""
    macros: dict[str, Macro] = {}
    for template in app.jinja_env.list_templates(filter_func=_is_component):
        for name, value in vars(app.jinja_env.get_template(template).module).items():
            if not isinstance(value, Macro) or name.startswith("_"):
                continue
            if name in macros:
                raise ValueError(f"two component files define the macro {name!r}")
            macros[name] = value
    return macros


def error_links(form: Any) -> list[tuple[str | None, str]]:
    """Return (input id, message) for every error in the order of the fields; id is None for the whole form."""
    links: list[tuple[str | None, str]] = [(None, str(message)) for message in form.form_errors]
    for field in form:
        links.extend(_links_of(field))
    return links


def field_errors(field: Field) -> list[str]:
    """Return the messages of a field, those of enclosed fields included."""
    return [message for _, message in _links_of(field)]


def first_input_id(field: Field) -> str:
    """Return the id of the input that a link to a field should focus."""
    if isinstance(field.widget, ListWidget) and not isinstance(field, FieldList):
        return f"{field.id}-0"
    if isinstance(field, FormField):
        return first_input_id(next(iter(field)))
    return str(field.id)


def field_kind(field: Field) -> str:
    """Return how a field is drawn: hidden, choices, date_parts, checkbox, textarea, select or input."""
    if isinstance(field, FormField) and {"day", "month", "year"} <= set(field.form._fields):
        return "date_parts"
    if isinstance(field.widget, ListWidget):
        return "choices"
    if isinstance(field.widget, TextArea):
        return "textarea"
    if isinstance(field.widget, Select):
        return "select"
    kind = getattr(field.widget, "input_type", "text")
    return kind if kind in ("hidden", "checkbox") else "input"


def described_by(field: Field, hint: object = None) -> dict[str, str]:
    """Return the attribute that ties hint and error to their input, or nothing."""
    ids = [f"{field.id}-hint"] * bool(hint) + [f"{field.id}-error"] * bool(field_errors(field))
    return {"aria-describedby": " ".join(ids)} if ids else {}


def input_attributes(
    field: Field,
    css: str,
    hint: object = None,
    extra: Mapping[str, Any] | None = None,
    *,
    keep: bool = False,
    **named: Any,
) -> dict[str, Any]:
    """Return the HTML attributes of an input: class, description, validity, and what the page asks for."""
    attributes: dict[str, Any] = {"class": css, **described_by(field, hint)}
    if field_errors(field):
        attributes["aria-invalid"] = "true"
    attributes.update({name: value for name, value in named.items() if value is not None})
    if keep:
        attributes["data-keep"] = field.name
    return attributes | dict(extra or {})


def page_url(number: int) -> str:
    """Return the present address with another page number, every other parameter kept."""
    arguments = [(key, value) for key, value in request.args.items(multi=True) if key != "page"]
    return f"{request.script_root}{request.path}?{urlencode([*arguments, ('page', number)])}"


def _links_of(field: Field) -> Iterator[tuple[str | None, str]]:
    if isinstance(field, FormField):
        yield from ((first_input_id(field), str(message)) for message in field.form.form_errors)
    if isinstance(field, FormField | FieldList):
        for enclosed in field:
            yield from _links_of(enclosed)
        return
    target = None if field_kind(field) == "hidden" else first_input_id(field)
    yield from ((target, str(message)) for message in field.errors)


def _is_component(name: str) -> bool:
    return name.startswith(FOLDER) and name.endswith(".html")
