"""What operators, staff and patients may be allowed to do, and the roles a hospital starts with."""

from __future__ import annotations

from app.core.errors import Text
from app.core.i18n import _l
from app.core.permissions import declare
from app.tenancy.models import OperatorRole

VIEW_HOSPITALS = declare("hospitals.view", "admin", _l("See hospitals and how they do"))
CREATE_HOSPITALS = declare("hospitals.create", "admin", _l("Create hospitals"))
SUSPEND_HOSPITALS = declare("hospitals.suspend", "admin", _l("Suspend hospitals and let them serve again"))
MANAGE_OPERATIONS = declare("operations.manage", "admin", _l("Take long work up again and cancel it"))
BACK_UP_HOSPITALS = declare("hospitals.back_up", "admin", _l("Back hospitals up, and say how often"))
RESTORE_HOSPITALS = declare("hospitals.restore", "admin", _l("Restore and import hospitals"))
EXPORT_HOSPITALS = declare("hospitals.export", "admin", _l("Make a hospital's exit kit"))
DELETE_HOSPITALS = declare("hospitals.delete", "admin", _l("Archive and delete hospitals"))
MIGRATE_FLEET = declare("fleet.migrate", "admin", _l("Migrate the schema of hospitals"))
MOVE_HOSPITALS = declare("hospitals.move", "admin", _l("Move hospitals to another database server"))
MANAGE_CREDENTIALS = declare("credentials.manage", "admin", _l("Rotate credentials and check isolation"))
VIEW_PLATFORM_AUDIT = declare("platform_audit.view", "admin", _l("Read the platform's audit log"))
VIEW_COMPONENTS = declare("components.view", "admin", _l("See the interface components"))

VIEW_PATIENTS = declare("patients.view", "hospital", _l("Find patients and see who they are"))
REGISTER_PATIENTS = declare("patients.register", "hospital", _l("Register patients and correct their data"))
VIEW_APPOINTMENTS = declare("appointments.view", "hospital", _l("See the day's appointments"))
CHECK_IN = declare("appointments.check_in", "hospital", _l("Check patients in"))
BOOK_FOR_PATIENTS = declare("appointments.book", "hospital", _l("Book and cancel visits for patients"))
RECORD_VITALS = declare("vitals.record", "hospital", _l("Record vital signs"))
VIEW_RECORDS = declare("records.view", "hospital", _l("Read medical records"))
WRITE_RECORDS = declare("records.write", "hospital", _l("Write and sign medical records"))
PRESCRIBE = declare("prescriptions.write", "hospital", _l("Prescribe medicines"))
VIEW_ACCESS_LOG = declare("access_log.view", "hospital", _l("See who has looked at a patient"))
VIEW_DATA_SAFETY = declare("data_safety.view", "hospital", _l("See how the hospital's data is kept"))

OWN_RECORD = declare("own.record", "patient", _l("See one's own record"))
OWN_APPOINTMENTS = declare("own.appointments", "patient", _l("Book and cancel one's own visits"))

PATIENT_PERMISSIONS = frozenset({OWN_RECORD.code, OWN_APPOINTMENTS.code})

ROLE_PRESETS: dict[str, tuple[str, frozenset[str]]] = {
    "doctor": (
        "Bác sĩ",
        frozenset(
            p.code for p in (VIEW_PATIENTS, VIEW_APPOINTMENTS, RECORD_VITALS, VIEW_RECORDS, WRITE_RECORDS, PRESCRIBE)
        ),
    ),
    "nurse": (
        "Điều dưỡng",
        frozenset(p.code for p in (VIEW_PATIENTS, VIEW_APPOINTMENTS, RECORD_VITALS, VIEW_RECORDS)),
    ),
    "receptionist": (
        "Tiếp đón",
        frozenset(p.code for p in (VIEW_PATIENTS, REGISTER_PATIENTS, VIEW_APPOINTMENTS, CHECK_IN, BOOK_FOR_PATIENTS)),
    ),
    "administrator": (
        "Quản trị bệnh viện",
        frozenset(p.code for p in (VIEW_PATIENTS, VIEW_APPOINTMENTS, VIEW_ACCESS_LOG, VIEW_DATA_SAFETY)),
    ),
}

OPERATOR_ROLES: dict[OperatorRole, Text] = {
    OperatorRole.SUPER_ADMIN: _l("Super administrator"),
    OperatorRole.TECHNICIAN: _l("Technician"),
    OperatorRole.SUPPORT: _l("Support"),
}

_TECHNICIAN = (
    VIEW_HOSPITALS,
    CREATE_HOSPITALS,
    SUSPEND_HOSPITALS,
    MANAGE_OPERATIONS,
    BACK_UP_HOSPITALS,
    RESTORE_HOSPITALS,
    MIGRATE_FLEET,
    MOVE_HOSPITALS,
    MANAGE_CREDENTIALS,
    VIEW_COMPONENTS,
)

OPERATOR_PRESETS: dict[OperatorRole, frozenset[str]] = {
    OperatorRole.SUPER_ADMIN: frozenset(
        p.code for p in (*_TECHNICIAN, DELETE_HOSPITALS, EXPORT_HOSPITALS, VIEW_PLATFORM_AUDIT)
    ),
    OperatorRole.TECHNICIAN: frozenset(p.code for p in _TECHNICIAN),
    OperatorRole.SUPPORT: frozenset(p.code for p in (VIEW_HOSPITALS,)),
}
