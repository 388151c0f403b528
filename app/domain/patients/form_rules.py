"""The hospital's own rules for the patient form, beside what always holds: JSON Schema 2020-12 that it writes itself.

A schema says everything itself: it may refer to nothing, so that checking it fetches nothing and always ends, and its
patterns are of a kind that no text makes slow. What a rule says to people stands in it as `x-message`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry

from app.core import clock
from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, StaleVersion, Text
from app.core.i18n import _l
from app.domain.access.fields import may_write
from app.domain.audit.operations import record_change
from app.domain.organisation.models import HospitalInfo
from app.domain.patients.form_patterns import check_pattern
from app.domain.patients.models import ValidationSchema
from app.domain.patients.queries import COLUMNS_OF
from app.domain.patients.rules import PatientDetails

FORM = "patient"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
LONGEST, LONGEST_MESSAGE = 20_000, 300
DEEPEST, MOST_PARTS = 12, 1_000
FIELDS = tuple(PatientDetails.__slots__)
KNOWN = frozenset((*FIELDS, "age"))
_ORDER: dict[str | None, int] = {name: at for at, name in enumerate(FIELDS)}
_WITHIN = frozenset({"items", "contains", "not", "if", "then", "else"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
_MAPS = frozenset({"properties", "dependentSchemas"})
_PLAIN = frozenset({
    "type", "required", "enum", "const", "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "dependentRequired", "title",
    "description", "default", "examples", "$comment", "$schema", "x-message",
})  # fmt: skip
_NUL = "\\u0000"  # what no database takes


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule says against a form, and at which field; None for the form as a whole."""

    field: str | None
    message: Text


class RulesBroken(InvalidValue):
    """The hospital's own rules refuse what was written; `faults` says all of it."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__(faults[0].message, field=faults[0].field)


def read_form_rules() -> tuple[dict[str, Any], int]:
    """Return the hospital's rules and their version; nothing and 0 where it has none."""
    query = sa.select(ValidationSchema.schema, ValidationSchema.version).where(ValidationSchema.form == FORM)
    row = db.session.execute(query).one_or_none()
    return ({}, 0) if row is None else (row.schema, row.version)


def change_form_rules(actor: Actor, version: int, text: str) -> None:
    """Put other rules in place for what is saved from now on; raises InvalidValue or StaleVersion."""
    schema = parse_schema(text)
    query = sa.select(ValidationSchema).where(ValidationSchema.form == FORM).with_for_update()
    standing = db.session.scalar(query.execution_options(populate_existing=True))
    if (standing.version if standing else 0) != version:
        raise StaleVersion
    if standing is None:
        standing = ValidationSchema(form=FORM, created_by=actor.id)
        db.session.add(standing)
    standing.schema, standing.updated_by, standing.updated_at = schema, actor.id, clock.now()
    db.session.flush()
    hospital_id = db.session.scalars(sa.select(HospitalInfo.hospital_id)).one()
    changes = {"form": FORM, "version": standing.version}
    record_change(actor, "form_rules.change", subject_type="setting", subject_id=hospital_id, changes=changes)


def parse_schema(text: str) -> dict[str, Any]:
    """Return a schema that may be put in place; raises InvalidValue that says what it may not have."""
    if len(text) > LONGEST:
        raise InvalidValue(_l("The rules are longer than %(most)s characters.", most=LONGEST), field="schema")
    try:
        schema = json.loads(text or "{}")
        if not isinstance(schema, dict):
            raise InvalidValue(_l("The rules are one JSON object."), field="schema")
        parts = sum(1 for _part in _check(schema, 0))
        if parts > MOST_PARTS:
            raise InvalidValue(_l("These are too many rules."), field="schema")
        Draft202012Validator.check_schema(schema)
        _refuse_unkept(schema)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(_l("This is not JSON: %(fault)s", fault=str(error)[:120]), field="schema") from None
    except SchemaError as error:
        where = "/".join(str(step) for step in error.absolute_path)
        raise InvalidValue(
            _l("“%(where)s” is not written as JSON Schema wants it.", where=where), field="schema"
        ) from None
    return schema


def _refuse_unkept(schema: dict[str, Any]) -> None:
    """Refuse what Python reads as JSON and the database does not keep; raises ValueError."""
    written = json.dumps(schema, allow_nan=False, ensure_ascii=False)
    written.encode()
    if _NUL in written:
        raise ValueError(_NUL)


def find_faults(schema: dict[str, Any], details: PatientDetails, today: date) -> list[Fault]:
    """Return what the hospital's rules say against details, each at its field once."""
    if not schema:
        return []
    found: dict[str | None, Fault] = {}
    validator = Draft202012Validator(schema, registry=Registry())
    for error in validator.iter_errors(as_document(details, today)):
        for name in _fields_of(error):
            found.setdefault(name, Fault(name, _message(error)))
    return sorted(found.values(), key=lambda fault: _ORDER.get(fault.field, len(FIELDS)))


def check_form_rules(actor: Actor, details: PatientDetails, today: date) -> None:
    """Refuse details that the hospital's rules do not allow, in fields that the actor may write; raises RulesBroken."""
    schema, _version = read_form_rules()
    closed = {name for code, names in COLUMNS_OF.items() if not may_write(actor, code) for name in names}
    faults = [fault for fault in find_faults(schema, details, today) if fault.field not in closed]
    if faults:
        raise RulesBroken(faults)


def as_document(details: PatientDetails, today: date) -> dict[str, Any]:
    """Return details as a schema sees them: what is empty is not there; `age` is in whole years."""
    born = details.born_on
    document: dict[str, Any] = {name: getattr(details, name) for name in FIELDS}
    document["born_on"], document["sex"] = born.isoformat(), details.sex.value
    document["allergy_state"] = details.allergy_state.value
    document["allergies"] = [one.substance for one in details.allergies]
    document["age"] = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return {name: value for name, value in document.items() if value is not None}


def _check(part: Any, depth: int) -> Iterator[None]:
    """Go through the parts of a schema; raises InvalidValue for what it may not have."""
    yield
    if isinstance(part, bool):
        return
    if not isinstance(part, dict) or depth > DEEPEST:
        raise InvalidValue(_l("The rules are nested too deeply, or not written as JSON Schema."), field="schema")
    for word, value in part.items():
        _check_word(word, value)
        inner: list[Any] = []
        if word in _WITHIN:
            inner = [value]
        elif word in _LISTS and isinstance(value, list):
            inner = value
        elif word in _MAPS and isinstance(value, dict):
            _check_names(value)
            inner = list(value.values())
        for one in inner:
            yield from _check(one, depth + 1)


def _check_word(word: str, value: Any) -> None:
    if word not in _PLAIN | _WITHIN | _LISTS | _MAPS:
        raise InvalidValue(_l("“%(word)s” is not taken here.", word=word[:60]), field="schema")
    if word == "$schema" and value != DIALECT:
        raise InvalidValue(_l("Only JSON Schema 2020-12 is taken."), field="schema")
    if word == "required" and isinstance(value, list):
        _check_names(value)
    if word == "dependentRequired" and isinstance(value, dict):
        _check_names(value)
        for names in value.values():
            _check_names(names if isinstance(names, list) else ())
    if word == "x-message" and not (isinstance(value, str) and 0 < len(value) <= LONGEST_MESSAGE):
        raise InvalidValue(
            _l("A message is a text of at most %(most)s characters.", most=LONGEST_MESSAGE), field="schema"
        )
    if word == "pattern" and isinstance(value, str):
        check_pattern(value)


def _check_names(names: Iterable[Any]) -> None:
    for name in map(str, names):
        if name not in KNOWN:
            raise InvalidValue(_l("The form has no field “%(name)s”.", name=name[:60]), field="schema")


def _fields_of(error: ValidationError) -> list[str | None]:
    """Return at which fields an error is shown."""
    if error.absolute_path:
        name = str(error.absolute_path[0])
        return [name if name in FIELDS else "born_on"]
    there = error.instance if isinstance(error.instance, dict) else {}
    wanted: list[str] = []
    if error.validator == "required":
        wanted = list(error.validator_value)
    elif error.validator == "dependentRequired":
        wanted = [name for key, names in error.validator_value.items() if key in there for name in names]
    # A rule from before its names were checked may want what the form has not: that is said of the form as a whole.
    return [name if name in FIELDS else None for name in wanted if name not in there] or [None]


_MESSAGES: dict[str, Text] = {
    "required": _l("This hospital wants this field filled in."),
    "dependentRequired": _l("This hospital wants this field filled in."),
    "minLength": _l("This is too short for this hospital's rules."),
    "maxLength": _l("This is too long for this hospital's rules."),
    "pattern": _l("This is not written as this hospital wants it."),
    "enum": _l("This is none of the values that this hospital takes."),
    "const": _l("This is none of the values that this hospital takes."),
}


def _message(error: ValidationError) -> Text:
    schema = error.schema if isinstance(error.schema, dict) else {}
    own = schema.get("x-message") or (error.parent.schema.get("x-message") if _has_schema(error.parent) else None)
    return own or _MESSAGES.get(str(error.validator), _l("This hospital's own rules do not allow this."))


def _has_schema(error: Any) -> bool:
    return error is not None and isinstance(error.schema, dict)
