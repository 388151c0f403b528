"""The central history: which hospitals exist, where their databases are, and how they do. Nothing clinical."""

from app.tenancy.models.hospitals import (
    DatabaseCluster,
    Hospital,
    HospitalAdministrator,
    HospitalDatabase,
    HospitalStatus,
    ProvisioningStep,
    StepState,
)
from app.tenancy.models.operators import (
    OperatorRole,
    PlatformPermission,
    PlatformSession,
    PlatformUser,
    PlatformUserPermission,
)
from app.tenancy.models.watching import (
    HealthCheck,
    HealthStatus,
    PatientIndexEntry,
    PlatformAuditEntry,
    RunStatus,
    SyncCursor,
    SyncRun,
)

__all__ = [
    "DatabaseCluster",
    "HealthCheck",
    "HealthStatus",
    "Hospital",
    "HospitalAdministrator",
    "HospitalDatabase",
    "HospitalStatus",
    "OperatorRole",
    "PatientIndexEntry",
    "PlatformAuditEntry",
    "PlatformPermission",
    "PlatformSession",
    "PlatformUser",
    "PlatformUserPermission",
    "ProvisioningStep",
    "RunStatus",
    "StepState",
    "SyncCursor",
    "SyncRun",
]
