"""What the demo's doctors have at hand, and a few interactions, each marked as a sample: nobody may treat by them.

What they say is on the labels that are named; a hospital imports a table that it has approved itself.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from app.cli.demo.cases import Item
from app.cli.demo.findings import Row
from app.core.db import db
from app.core.ids import new_id
from app.domain.prescriptions.interactions import InteractionDetails, check_interaction
from app.domain.prescriptions.models import (
    IngredientInteraction,
    MealTiming,
    OrderSet,
    OrderSetItem,
    PrescriptionFavourite,
)

SAMPLE = "DỮ LIỆU MẪU, không dùng cho lâm sàng; theo tờ hướng dẫn {label} (FDA Hoa Kỳ)"
INTERACTIONS = (
    ("Clopidogrel", "Omeprazol", "major", "Omeprazol làm giảm tác dụng chống kết tập tiểu cầu của clopidogrel.",
     "Tránh dùng chung.", "PLAVIX"),
    ("Clopidogrel", "Esomeprazol", "major", "Esomeprazol làm giảm tác dụng chống kết tập tiểu cầu của clopidogrel.",
     "Tránh dùng chung.", "PLAVIX"),
    ("Clarithromycin", "Atorvastatin", "major",
     "Clarithromycin làm tăng nồng độ atorvastatin, tăng nguy cơ bệnh cơ và tiêu cơ vân.",
     "Không quá 20 mg atorvastatin mỗi ngày.", "LIPITOR"),
)  # fmt: skip
SETS = (
    ("Viêm họng cấp người lớn (mẫu)", "Không có dấu hiệu nhiễm liên cầu",
     (Item("PARA500", "1", 3, 3, MealTiming.AFTER), Item("AMBRO30", "1", 3, 5, MealTiming.AFTER))),
    ("Viêm dạ dày, trào ngược (mẫu)", "Đợt 14 ngày",
     (Item("ESOM40", "1", 1, 14, MealTiming.BEFORE), Item("ALMAG", "1", 3, 7, MealTiming.AFTER))),
)  # fmt: skip
FAVOURITES = (Item("PARA500", "1", 3, 3, MealTiming.AFTER), Item("AMLO5", "1", 1, 30), Item("LORA10", "1", 1, 7))


def write_prescribing(doctors: list[UUID], medicines: dict[str, Row]) -> None:
    """Write interactions, order sets, and the same few favourites for each doctor."""
    for first, second, severity, effect, advice, label in INTERACTIONS:
        source = SAMPLE.format(label=label)
        details = InteractionDetails(first, second, severity, effect, advice, source)
        db.session.add(IngredientInteraction(**check_interaction(details)))
    for name, note, items in SETS:
        set_id = new_id()
        db.session.add(OrderSet(id=set_id, name=name, note=note))
        db.session.flush()
        rows = [_dose(item, medicines) | {"order_set_id": set_id, "position": at} for at, item in enumerate(items)]
        db.session.execute(sa.insert(OrderSetItem), rows)
    favourites = [_dose(item, medicines) | {"doctor_id": doctor} for doctor in doctors for item in FAVOURITES]
    db.session.execute(sa.insert(PrescriptionFavourite), favourites)


def _dose(item: Item, medicines: dict[str, Row]) -> Row:
    return {
        "id": new_id(),
        "medicine_id": medicines[item.code]["id"],
        "dose_amount": Decimal(item.amount),
        "times_per_day": item.times,
        "days": item.days,
        "meal_timing": item.meal,
        "instructions": item.instructions,
    }
