"""Medicines and interactions from files: CSV in the encodings and with the separators that spreadsheets write.

A row that is wrong is named with its number and why, and the others are taken. Reading the same file again changes
nothing: a medicine is known by its code, an interaction by its two ingredients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core.actor import Actor
from app.core.db import db
from app.core.errors import InvalidValue
from app.core.formats.names import search_key
from app.core.formats.sheets import SAMPLE, Layout, Row, detect, read_rows
from app.core.i18n import _l
from app.core.ids import new_id
from app.domain.audit.operations import record_change
from app.domain.prescriptions.interactions import InteractionDetails, check_interaction
from app.domain.prescriptions.keeping import MedicineDetails, MedicineInUse, check_medicine, find_unsettling
from app.domain.prescriptions.models import IngredientInteraction, Medicine

MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 20_000
MOST_FAULTS = 200
AT_ONCE = 500

MEDICINE_COLUMNS = {
    "code": ("code", "ma", "ma thuoc"),
    "name": ("name", "ten", "ten thuoc", "hoat chat"),
    "strength": ("strength", "ham luong", "nong do ham luong"),
    "form": ("form", "dang bao che", "dang"),
    "unit": ("unit", "don vi", "don vi tinh"),
    "dose_unit": ("dose_unit", "don vi lieu", "don vi moi lan"),
    "package_content": ("package_content", "so lieu moi don vi", "dung luong"),
    "route": ("route", "duong dung"),
    "atc_code": ("atc_code", "atc", "ma atc"),
    "ingredients": ("ingredients", "thanh phan", "cac hoat chat"),
}
INTERACTION_COLUMNS = {
    "ingredient_a": ("ingredient_a", "hoat chat 1", "thuoc 1"),
    "ingredient_b": ("ingredient_b", "hoat chat 2", "thuoc 2"),
    "severity": ("severity", "muc do"),
    "effect": ("effect", "hau qua", "mo ta"),
    "advice": ("advice", "xu tri", "khuyen cao"),
    "source": ("source", "nguon"),
}
MAY_BE_MISSING = frozenset({"dose_unit", "package_content", "atc_code", "ingredients", "advice"})


@dataclass(slots=True)
class Imported:
    """What came of a file; `faults` are numbers of rows as a spreadsheet shows them, and what is wrong there."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    faulty: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)

    def add_fault(self, number: int, message: str) -> None:
        """Count a row that is not taken, and name it while there is room."""
        self.faulty += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append((number, message))


def import_medicines(actor: Actor, content: bytes, *, try_only: bool) -> Imported:
    """Put a file's medicines into the formulary, or only say what would come of it; raises InvalidValue."""
    done, rows, numbers = Imported(), {}, {}
    for number, values in _checked(content, MEDICINE_COLUMNS, _medicine, done):
        if values["code"] in rows:
            done.add_fault(number, str(_l("The code %(code)s stands in this file twice.", code=values["code"])))
        else:
            rows[values["code"]], numbers[values["code"]] = values, number
    known = {row.code: row for row in db.session.execute(sa.select(*sa.inspect(Medicine).columns))}
    _refuse_unsettling(rows, numbers, known, done)
    changed = _sort(rows, known, done)
    if not try_only and changed:
        _write(actor, Medicine, ["code"], changed)
        _record(actor, "formulary.import", done)
    return done


def import_interactions(actor: Actor, content: bytes, *, try_only: bool) -> Imported:
    """Put a file's interactions into the table, or only say what would come of it; raises InvalidValue."""
    done, rows = Imported(), {}
    for number, values in _checked(content, INTERACTION_COLUMNS, _interaction, done):
        pair = (values["key_a"], values["key_b"])
        if pair in rows:
            done.add_fault(number, str(_l("These two ingredients stand in this file twice.")))
        else:
            rows[pair] = values
    columns = sa.inspect(IngredientInteraction).columns
    known = {(row.key_a, row.key_b): row for row in db.session.execute(sa.select(*columns))}
    changed = _sort(rows, known, done)
    if not try_only and changed:
        _write(actor, IngredientInteraction, ["key_a", "key_b"], changed)
        _record(actor, "interactions.import", done)
    return done


def _refuse_unsettling(rows: dict[str, Any], numbers: dict[str, int], known: dict[str, Any], done: Imported) -> None:
    """Name the rows that would change what doses are counted in beneath doses that somebody wrote."""
    both = {known[code].id: code for code in rows if code in known}
    found = find_unsettling(
        {one: known[code] for one, code in both.items()}, {one: rows[code] for one, code in both.items()}
    )
    for one, name in found.items():
        done.add_fault(numbers[both[one]], str(MedicineInUse(name).message))
        del rows[both[one]]
    done.faults.sort()


def _medicine(cells: dict[str, str]) -> dict[str, Any]:
    """Check a row; of columns that the file has not, what is in the formulary stays."""
    values = check_medicine(MedicineDetails(**cells), dose_unit_known="dose_unit" in cells)
    return {name: value for name, value in values.items() if name in cells or name not in MAY_BE_MISSING}


def _interaction(cells: dict[str, str]) -> dict[str, Any]:
    return check_interaction(InteractionDetails(**cells))


def _checked(
    content: bytes,
    columns: dict[str, tuple[str, ...]],
    check: Callable[[dict[str, str]], dict[str, Any]],
    done: Imported,
) -> Iterator[tuple[int, dict[str, Any]]]:
    if len(content) > MOST_BYTES:
        raise InvalidValue(_l("The file is larger than 5 MB."), field="file")
    layout = detect(content[:SAMPLE])
    places = _places(layout, columns)
    for count, row in enumerate(read_rows([content], layout)):
        if count >= MOST_ROWS:
            raise InvalidValue(_l("The file has more than 20,000 rows. Divide it."), field="file")
        if row.fault:
            done.add_fault(row.number, row.fault)
            continue
        try:
            yield row.number, check(_cells(row, places))
        except InvalidValue as error:
            where = layout.header[places[error.field]] if error.field in places else ""
            done.add_fault(row.number, f"{where}: {error.message}" if where else str(error.message))


def _places(layout: Layout, columns: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """Return where each column stands; raises InvalidValue naming those that are needed and not there."""
    header = [search_key(cell) for cell in layout.header]
    places = {name: header.index(word) for name, words in columns.items() for word in words if word in header}
    missing = [name for name in columns if name not in places and name not in MAY_BE_MISSING]
    if missing:
        raise InvalidValue(_l("These columns are missing: %(names)s.", names=", ".join(missing)), field="file")
    return places


def _cells(row: Row, places: dict[str, int]) -> dict[str, str]:
    return {name: row.cells[place] if place < len(row.cells) else "" for name, place in places.items()}


def _sort(rows: dict[Any, dict[str, Any]], known: dict[Any, Any], done: Imported) -> list[dict[str, Any]]:
    """Count what is new, what differs and what does not, and return what is to be written."""
    changed = []
    for key, values in rows.items():
        there = known.get(key)
        if there is None:
            done.created += 1
        elif any(getattr(there, name) != value for name, value in values.items()):
            done.updated += 1
        else:
            done.unchanged += 1
            continue
        changed.append(values)
    return changed


def _write(actor: Actor, model: Any, key: Sequence[str], rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), AT_ONCE):
        batch = [{"id": new_id(), "created_by": actor.id, **values} for values in rows[start : start + AT_ONCE]]
        statement = insert(model).values(batch)
        changed = {name: statement.excluded[name] for name in rows[start] if name not in key}
        statement = statement.on_conflict_do_update(
            index_elements=list(key),
            set_={**changed, "updated_by": actor.id, "updated_at": sa.func.now(), "version": model.version + 1},
        )
        db.session.execute(statement)


def _record(actor: Actor, action: str, done: Imported) -> None:
    record_change(
        actor,
        action,
        subject_type="formulary",
        subject_id=new_id(),
        changes={"created": done.created, "updated": done.updated, "faulty": done.faulty},
    )
