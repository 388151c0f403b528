"""The tables of the laboratory, imported once so that the history knows them all."""

from app.domain.laboratory.models.catalogue import (
    Analyte,
    LabKind,
    LabPanel,
    LabPanelTest,
    LabTest,
    ReferenceRange,
    SpecimenKind,
    ValueKind,
)
from app.domain.laboratory.models.orders import (
    ItemStatus,
    LabOrder,
    LabOrderItem,
    LabPriority,
    LabSpecimen,
)
from app.domain.laboratory.models.results import Flag, LabReport, LabResult, ReportStatus

__all__ = [
    "Analyte",
    "Flag",
    "ItemStatus",
    "LabKind",
    "LabOrder",
    "LabOrderItem",
    "LabPanel",
    "LabPanelTest",
    "LabPriority",
    "LabReport",
    "LabResult",
    "LabSpecimen",
    "LabTest",
    "ReferenceRange",
    "ReportStatus",
    "SpecimenKind",
    "ValueKind",
]
