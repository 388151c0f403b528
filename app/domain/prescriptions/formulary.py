"""The medicines that a new hospital begins with; what it prescribes later is in its own table.

Names, strengths, forms and routes as on Vietnamese outpatient prescriptions. ATC codes are those of the WHO
Collaborating Centre for Drug Statistics Methodology, whose terms allow references to codes, not the copying
of its index.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class FormularyEntry:
    """One medicine; fields as the columns of the medicines table."""

    code: str
    name: str
    strength: str
    form: str
    unit: str
    dose_unit: str | None
    package_content: Decimal | None
    route: str
    atc_code: str


@cache
def starting_formulary() -> tuple[FormularyEntry, ...]:
    """Return the medicines in the order of the file."""
    table = resources.files("app.domain.prescriptions").joinpath("data", "medicines.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return tuple(_entry(row) for row in rows)


def _entry(row: dict[str, str]) -> FormularyEntry:
    dose_unit, content = row.pop("dose_unit"), row.pop("package_content")
    return FormularyEntry(dose_unit=dose_unit or None, package_content=Decimal(content) if content else None, **row)
