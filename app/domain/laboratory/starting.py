"""The catalogue that a new hospital begins with: plain common tests with usual ranges.

Ranges and limits are values in general use, for a start only: haemoglobin's lower limits are those below which the WHO
speaks of anaemia (WHO/NMH/NHD/MNM/11.1, 2011), the upper limits of fasting glucose and HbA1c those of the American
Diabetes Association, of lipids those of NCEP ATP III; the others come from no single source. What is usual depends on
the method, so that each laboratory confirms or replaces them with its own (ISO 15189:2022, 7.3.5).
"""

from __future__ import annotations

import csv
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.core.db import db
from app.core.ids import new_id
from app.domain.laboratory.models import Analyte, LabPanel, LabPanelTest, LabTest, ReferenceRange

FILES = ("tests", "analytes", "ranges", "panels")
SEVERAL = ("choices", "normal_choices", "critical_choices")
COUNTS = ("turnaround_minutes", "decimals", "from_days", "until_days")
NUMBERS = ("physical_low", "physical_high", "critical_low", "critical_high", "low", "high")


@cache
def starting_catalogue() -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each file; an empty cell is nothing."""
    folder = resources.files("app.domain.laboratory").joinpath("data")
    return {name: _read(folder.joinpath(f"{name}.csv").read_text(encoding="utf-8")) for name in FILES}


def seed_laboratory() -> None:
    """Give the hospital the starting catalogue; what it has of it already stays as the hospital made it."""
    if db.session.scalar(sa.select(LabTest.id).limit(1)) is not None:
        return
    rows = starting_catalogue()
    test_ids = {row["code"]: new_id() for row in rows["tests"]}
    analyte_ids = {row["code"]: new_id() for row in rows["analytes"]}
    panel_ids = {row["code"]: new_id() for row in rows["panels"]}
    db.session.execute(
        insert(LabTest),
        [{**row, "id": test_ids[row["code"]], "position": place} for place, row in enumerate(rows["tests"])],
    )
    db.session.execute(
        insert(Analyte),
        [
            {**_without(row, "test"), "id": analyte_ids[row["code"]], "test_id": test_ids[row["test"]], "position": n}
            for n, row in enumerate(rows["analytes"])
        ],
    )
    db.session.execute(
        insert(ReferenceRange),
        [
            {**_without(row, "analyte"), "id": new_id(), "analyte_id": analyte_ids[row["analyte"]]}
            for row in rows["ranges"]
        ],
    )
    db.session.execute(
        insert(LabPanel),
        [
            {**_without(row, "tests"), "id": panel_ids[row["code"]], "position": place}
            for place, row in enumerate(rows["panels"])
        ],
    )
    members = [
        {"panel_id": panel_ids[row["code"]], "test_id": test_ids[code]}
        for row in rows["panels"]
        for code in row["tests"].split()
    ]
    db.session.execute(insert(LabPanelTest), members)


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _read(text: str) -> list[dict[str, Any]]:
    return [{name: _value(name, cell) for name, cell in row.items()} for row in csv.DictReader(text.splitlines())]


def _value(name: str, cell: str) -> Any:
    if name in SEVERAL:
        return cell.split("|") if cell else []
    if not cell:
        return None
    if name in COUNTS:
        return int(cell)
    return Decimal(cell) if name in NUMBERS else cell
