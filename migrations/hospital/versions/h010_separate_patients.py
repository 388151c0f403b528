"""Separate patients from each other: row-level security for the patient portal's transactions."""

from alembic import op

revision = "h010"
down_revision = "h009"
branch_labels = None
depends_on = None

BY_PATIENT = "patient_id = vien_current_patient()"
BY_ACCOUNT = "patient_user_id IN (SELECT id FROM patient_users)"

# Every table that belongs to patients, and which of its rows are one patient's own. A table that hangs on another is
# told by that one, whose own policy narrows it.
OWN = {
    "patients": "id = vien_current_patient()",
    "patient_allergies": BY_PATIENT,
    "patient_users": BY_PATIENT,
    "patient_sessions": BY_ACCOUNT,
    "appointments": BY_PATIENT,
    "appointment_reminders": "appointment_id IN (SELECT id FROM appointments)",
    "vital_signs": BY_PATIENT,
    "medical_records": BY_PATIENT,
    "record_diagnoses": "record_id IN (SELECT id FROM medical_records)",
    "prescriptions": BY_PATIENT,
    "prescription_items": "prescription_id IN (SELECT id FROM prescriptions)",
    "outbound_messages": BY_PATIENT,
    "audit_log": BY_PATIENT,
    "file_links": BY_PATIENT,
    "files": "id IN (SELECT file_id FROM file_links)",
    "password_history": BY_ACCOUNT,
    "recovery_codes": BY_ACCOUNT,
    "passkeys": BY_ACCOUNT,
    "password_resets": BY_ACCOUNT,
    "invitations": BY_ACCOUNT,
    "emergency_access": BY_PATIENT,
    "patient_consents": BY_PATIENT,
    "data_requests": BY_PATIENT,
    "own_exports": BY_PATIENT,
    "legal_holds": BY_PATIENT,
    "erasures": BY_PATIENT,
    "breach_affected": BY_PATIENT,
    "access_log": "patient_ids @> ARRAY[vien_current_patient()]",
}

CURRENT = """
CREATE FUNCTION vien_current_patient() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.patient_id', true), '')::uuid;

-- When doctors are taken, without by whom: what a patient must know to choose a time.
CREATE VIEW busy_times AS
    SELECT doctor_id, starts_at, ends_at FROM appointments WHERE status NOT IN ('cancelled', 'no_show');
GRANT SELECT ON busy_times TO vien_app, vien_patient;
"""

GRANTS = """
GRANT USAGE ON SCHEMA public TO vien_patient;
GRANT SELECT ON patients, patient_allergies, patient_users, patient_sessions, appointments, vital_signs,
    medical_records, record_diagnoses, prescriptions, prescription_items TO vien_patient;
GRANT SELECT ON departments, doctor_schedules, schedule_exceptions, medicines, services, settings, roles, staff_roles,
    hospital_info, alembic_version TO vien_patient;
GRANT SELECT ON consent_purposes, consent_texts, gateway_rules, ip_access_rules, security_configs TO vien_patient;
GRANT SELECT (id, full_name, department_id, specialization, disabled_at, deleted_at) ON staff_users TO vien_patient;
GRANT UPDATE ON patient_users, patient_sessions TO vien_patient;
GRANT INSERT, UPDATE ON appointments TO vien_patient;
GRANT SELECT, INSERT, UPDATE ON outbound_messages, appointment_reminders TO vien_patient;
GRANT SELECT, INSERT ON password_history, patient_consents TO vien_patient;
GRANT SELECT, INSERT, UPDATE ON recovery_codes, passkeys, data_requests, own_exports TO vien_patient;
GRANT SELECT, UPDATE ON password_resets, invitations TO vien_patient;
GRANT SELECT ON erasures, files, file_links TO vien_patient;
GRANT SELECT ON access_log TO vien_patient;
GRANT INSERT (id, at, actor_kind, actor_id, actor_name, action, subject_type, subject_id, address, request_id,
    basis, grant_id, patient_ids) ON access_log TO vien_patient;
GRANT INSERT (id, at, actor_kind, actor_id, actor_name, action, subject_type, subject_id, address, request_id,
    basis, grant_id, patient_id, changes) ON audit_log TO vien_patient;
GRANT INSERT ON outbox_events, security_events TO vien_patient;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO vien_patient;
"""


def upgrade() -> None:
    op.execute(CURRENT)
    for table, own in OWN.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY everybodys ON {table} TO vien_app USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY ones_own ON {table} TO vien_patient USING ({own}) WITH CHECK ({own})")
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM vien_patient")
    op.execute("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM vien_patient")
    op.execute("REVOKE ALL ON SCHEMA public FROM vien_patient")
    op.execute("DROP VIEW busy_times")
    for table in OWN:
        op.execute(f"DROP POLICY ones_own ON {table}")
        op.execute(f"DROP POLICY everybodys ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION vien_current_patient()")
