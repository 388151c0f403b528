"""Keeping the formulary: what a medicine must say of itself, finding it, putting it in, changing it, retiring it.

A medicine is never deleted, because prescriptions refer to it; one that is retired can no longer be prescribed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue, NotFound, StaleVersion, Text
from app.core.formats.names import normalise_name, search_key
from app.core.formats.numbers import parse_decimal, unambiguous
from app.core.i18n import _l
from app.domain.audit.operations import record_change
from app.domain.identity.models import StaffUser
from app.domain.paging import Page, offset_of
from app.domain.prescriptions.doses import is_package
from app.domain.prescriptions.models import Medicine, OrderSetItem, PrescriptionFavourite, PrescriptionItem
from app.domain.prescriptions.substances import ingredients_of

PER_PAGE = 50
MOST_INGREDIENTS = 20
CODE = re.compile(r"[A-Z0-9][A-Z0-9._/-]{0,29}")
ATC = re.compile(r"[A-Z][0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?")
LONGEST = {"name": 200, "strength": 100, "form": 100, "unit": 20, "route": 60}
MOST_CONTENT = Decimal(100_000)
# What numbers of doses are numbers of; the name of a medicine may be put right at any time.
SETTLED = ("strength", "form", "unit", "dose_unit", "route")
LABELS: dict[str, Text] = {
    "code": _l("Code"),
    "name": _l("Name"),
    "strength": _l("Strength"),
    "form": _l("Dosage form"),
    "unit": _l("Unit"),
    "dose_unit": _l("Unit of a dose"),
    "package_content": _l("Doses in one unit"),
    "route": _l("Route"),
    "atc_code": _l("ATC code"),
    "ingredients": _l("Ingredients"),
}


@dataclass(frozen=True, slots=True)
class MedicineDetails:
    """A medicine as it is typed or read from a file; the ingredients are joined by +."""

    code: str
    name: str
    strength: str
    form: str
    unit: str
    route: str
    atc_code: str = ""
    ingredients: str = ""
    dose_unit: str = ""
    package_content: str = ""


class MedicineInUse(InvalidValue):
    """Doses that somebody wrote are numbers of what the medicine is: it does not change beneath them."""

    def __init__(self, field: str) -> None:
        super().__init__(
            _l("%(label)s: this medicine is prescribed already, or stands among favourites or order sets. "
               "Retire it and add a new one.", label=LABELS[field]),
            field=field,
        )  # fmt: skip


class StaleMedicine(StaleVersion):
    """The medicine was changed meanwhile; `theirs` is how it stands now."""

    def __init__(self, theirs: Any) -> None:
        self.theirs = theirs
        super().__init__()


def check_medicine(details: MedicineDetails, *, dose_unit_known: bool = True) -> dict[str, Any]:
    """Return the columns of a medicine; raises InvalidValue with the field that is wrong.

    `dose_unit_known` is false where a file says nothing of units of doses: what is there then stays.
    """
    values: dict[str, Any] = {name: normalise_name(text) for name, text in asdict(details).items()}
    values["code"], values["atc_code"] = values["code"].upper(), values["atc_code"].upper() or None
    if not CODE.fullmatch(values["code"]):
        raise InvalidValue(_l("A code has 1 to 30 letters without diacritics, digits, or . _ / -"), field="code")
    for name, longest in LONGEST.items():
        if not values[name]:
            raise InvalidValue(_l("Enter this: %(label)s.", label=LABELS[name]), field=name)
        if len(values[name]) > longest:
            raise InvalidValue(_l("This text is too long."), field=name)
    if values["atc_code"] and not ATC.fullmatch(values["atc_code"]):
        raise InvalidValue(_l("An ATC code is written like N02BE01."), field="atc_code")
    _check_dose_unit(values, dose_unit_known)
    # What the name says already is not kept twice.
    ingredients = ingredients_of(values["ingredients"], ())
    if len(ingredients) > MOST_INGREDIENTS:
        raise InvalidValue(_l("A medicine has at most 20 ingredients here."), field="ingredients")
    values["ingredients"] = [] if ingredients == ingredients_of(values["name"], ()) else list(ingredients)
    return values


def _check_dose_unit(values: dict[str, Any], known: bool) -> None:
    """Put the unit of a dose and what a package holds into their form."""
    unit, dose_unit, content = values["unit"], values["dose_unit"] or None, values["package_content"]
    values["dose_unit"], values["package_content"] = dose_unit, None
    if dose_unit and len(dose_unit) > LONGEST["unit"]:
        raise InvalidValue(_l("This text is too long."), field="dose_unit")
    if known and dose_unit is None and is_package(unit):
        raise InvalidValue(
            _l(
                "Nobody takes a dose of one %(unit)s: write in what doses are counted, such as drops or puffs.",
                unit=unit,
            ),
            field="dose_unit",
        )
    if not content:
        return
    if dose_unit is None or dose_unit == unit:
        raise InvalidValue(_l("Write also in what doses are counted, if not in the unit."), field="dose_unit")
    number = parse_decimal(content)
    if not 0 < number <= MOST_CONTENT or number != round(number, 3):
        raise InvalidValue(_l("Write how many doses' units one unit holds, at most 100,000."), field="package_content")
    values["package_content"] = number


def list_medicines(text: str, page: int, *, retired: bool = False) -> Page[Any]:
    """Return medicines by a part of name or code, or all; `retired` returns those that are no longer prescribed."""
    query = sa.select(
        Medicine.id, Medicine.code, Medicine.name, Medicine.strength, Medicine.form, Medicine.unit, Medicine.route,
        Medicine.dose_unit, Medicine.package_content, Medicine.atc_code, Medicine.ingredients, Medicine.is_active,
        sa.func.count().over().label("total"),
    ).where(Medicine.is_active.is_not(retired))  # fmt: skip
    for word in search_key(text[:100]).split()[:5]:
        query = query.where(
            sa.or_(
                Medicine.search_name.contains(word, autoescape=True),
                sa.func.lower(Medicine.code).startswith(word, autoescape=True),
            )
        )
    query = query.order_by(Medicine.search_name, Medicine.strength, Medicine.code)
    rows = db.session.execute(query.limit(PER_PAGE).offset(offset_of(page, PER_PAGE))).all()
    return Page(rows, page, PER_PAGE, rows[0].total if rows else 0)


def read_medicine(medicine_id: UUID) -> Any:
    """Return a medicine with who changed it last; raises NotFound."""
    row = db.session.execute(
        sa.select(*sa.inspect(Medicine).columns, StaffUser.full_name.label("updated_by_name"))
        .outerjoin(StaffUser, StaffUser.id == Medicine.updated_by)
        .where(Medicine.id == medicine_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def details_of(row: Any) -> MedicineDetails:
    """Return a medicine as it would be typed."""
    texts = {name: getattr(row, name) for name in LONGEST}
    return MedicineDetails(
        code=row.code, atc_code=row.atc_code or "", ingredients=" + ".join(row.ingredients),
        dose_unit=row.dose_unit or "",
        package_content=unambiguous(row.package_content) if row.package_content else "", **texts,
    )  # fmt: skip


def create_medicine(actor: Actor, details: MedicineDetails) -> Medicine:
    """Put a medicine into the formulary; raises InvalidValue, also for a code that is taken."""
    medicine = Medicine(created_by=actor.id, updated_by=actor.id, **check_medicine(details))
    try:
        with db.session.begin_nested():
            db.session.add(medicine)
    except IntegrityError:
        raise _code_is_taken() from None
    _record(actor, "medicine.create", medicine.id, sorted(LABELS))
    return medicine


def update_medicine(actor: Actor, medicine_id: UUID, version: int, details: MedicineDetails) -> None:
    """Change a medicine; what was prescribed stays as it was.

    Raises NotFound, InvalidValue, MedicineInUse or StaleMedicine.
    """
    values, medicine = check_medicine(details), _hold(medicine_id)
    if medicine.version != version:
        raise StaleMedicine(read_medicine(medicine_id))
    changed = sorted(name for name, value in values.items() if getattr(medicine, name) != value)
    if not changed:
        return
    if (field := find_unsettling({medicine_id: medicine}, {medicine_id: values}).get(medicine_id)) is not None:
        raise MedicineInUse(field)
    try:
        with db.session.begin_nested():
            for name in changed:
                setattr(medicine, name, values[name])
            medicine.updated_by = actor.id
    except IntegrityError:
        raise _code_is_taken() from None
    _record(actor, "medicine.update", medicine_id, changed)


def find_unsettling(known: Mapping[UUID, Any], wanted: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, str]:
    """Return the medicines that may not become what is wanted, each with the first column that must stay.

    They are held until the end of the transaction, so that nobody writes a dose of them meanwhile.
    """
    changes = {one: _unsettled(known[one], values) for one, values in wanted.items()}
    changes = {one: names for one, names in changes.items() if names}
    if not changes:
        return {}
    kept = sa.or_(
        *(sa.exists().where(model.medicine_id == Medicine.id) for model in (PrescriptionFavourite, OrderSetItem))
    )
    prescribed = sa.exists().where(PrescriptionItem.medicine_id == Medicine.id)
    db.session.execute(sa.select(Medicine.id).where(Medicine.id.in_(changes)).order_by(Medicine.id).with_for_update())
    rows = db.session.execute(
        sa.select(Medicine.id, kept.label("kept"), prescribed.label("prescribed")).where(Medicine.id.in_(changes))
    )
    found = {}
    for row in rows:
        # Prescriptions keep the unit of their own doses: one that had none may be given it.
        given = changes[row.id] == ["dose_unit"] and known[row.id].dose_unit is None
        if row.kept or (row.prescribed and not given):
            found[row.id] = changes[row.id][0]
    return found


def _unsettled(row: Any, values: Mapping[str, Any]) -> list[str]:
    return [name for name in SETTLED if name in values and getattr(row, name) != values[name]]


def retire_medicine(actor: Actor, medicine_id: UUID, *, retired: bool) -> None:
    """Stop a medicine from being prescribed, or let it be prescribed again; raises NotFound."""
    medicine = _hold(medicine_id)
    if medicine.is_active is not retired:
        return
    medicine.is_active, medicine.updated_by = not retired, actor.id
    db.session.flush()
    _record(actor, "medicine.disable" if retired else "medicine.enable", medicine_id, ["is_active"])


def _hold(medicine_id: UUID) -> Medicine:
    medicine = db.session.scalars(sa.select(Medicine).where(Medicine.id == medicine_id).with_for_update()).one_or_none()
    if medicine is None:
        raise NotFound
    return medicine


def _code_is_taken() -> InvalidValue:
    return InvalidValue(_l("Another medicine has this code."), field="code")


def _record(actor: Actor, action: str, medicine_id: UUID, fields: list[str]) -> None:
    record_change(actor, action, subject_type="medicine", subject_id=medicine_id, changes={"fields": fields})
