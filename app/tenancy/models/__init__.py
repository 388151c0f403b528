"""The central history: which hospitals exist, where their databases are, and how they do. Nothing clinical."""

from app.core.risks import Risk
from app.tenancy.models.dead_letters import DeadLetter, DeadLetterState, LetterSource
from app.tenancy.models.erasures import PatientErasure
from app.tenancy.models.gateway import AddressAction, GatewayRule, IpAccessRule, SecurityConfig
from app.tenancy.models.hospitals import (
    DatabaseCluster,
    Hospital,
    HospitalAdministrator,
    HospitalDatabase,
    HospitalStatus,
    StepState,
)
from app.tenancy.models.keeping import (
    Backup,
    BackupPolicy,
    BackupState,
    CheckState,
    DeletionCertificate,
    IsolationCheck,
    MigrationRun,
    MigrationState,
    RestoreRun,
    RestoreState,
    RetiredDatabase,
    RetiredLogin,
    UptimeDay,
)
from app.tenancy.models.ledger import HospitalLease, Operation, OperationState, OperationStep
from app.tenancy.models.letters import LetterState, PlatformLetter
from app.tenancy.models.operators import (
    OperatorRole,
    PlatformPermission,
    PlatformSession,
    PlatformUser,
    PlatformUserPermission,
)
from app.tenancy.models.proofs import (
    PlatformFormerPassword,
    PlatformInvitation,
    PlatformPasskey,
    PlatformPasswordReset,
    PlatformRecoveryCode,
)
from app.tenancy.models.sealing import AuditCheck, AuditHead, AuditState, PlatformLogRetirement, PlatformLogSeal
from app.tenancy.models.security import Alert, AlertRule, AlertState, Grouping, SecurityEvent
from app.tenancy.models.support import SupportRequest, SupportState
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
    "AddressAction",
    "Alert",
    "AlertRule",
    "AlertState",
    "AuditCheck",
    "AuditHead",
    "AuditState",
    "Backup",
    "BackupPolicy",
    "BackupState",
    "CheckState",
    "DatabaseCluster",
    "DeadLetter",
    "DeadLetterState",
    "DeletionCertificate",
    "GatewayRule",
    "Grouping",
    "HealthCheck",
    "HealthStatus",
    "Hospital",
    "HospitalAdministrator",
    "HospitalDatabase",
    "HospitalLease",
    "HospitalStatus",
    "IpAccessRule",
    "IsolationCheck",
    "LetterSource",
    "LetterState",
    "MigrationRun",
    "MigrationState",
    "Operation",
    "OperationState",
    "OperationStep",
    "OperatorRole",
    "PatientErasure",
    "PatientIndexEntry",
    "PlatformAuditEntry",
    "PlatformFormerPassword",
    "PlatformInvitation",
    "PlatformLetter",
    "PlatformLogRetirement",
    "PlatformLogSeal",
    "PlatformPasskey",
    "PlatformPasswordReset",
    "PlatformPermission",
    "PlatformRecoveryCode",
    "PlatformSession",
    "PlatformUser",
    "PlatformUserPermission",
    "RestoreRun",
    "RestoreState",
    "RetiredDatabase",
    "RetiredLogin",
    "Risk",
    "RunStatus",
    "SecurityConfig",
    "SecurityEvent",
    "StepState",
    "SupportRequest",
    "SupportState",
    "SyncCursor",
    "SyncRun",
    "UptimeDay",
]
