"""Make a hospital's database: organisation, staff, patients, visits, records, prescriptions, messages, logs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "h001"
down_revision = None
branch_labels = None
depends_on = None

FOUNDATION = """
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE SEQUENCE patient_code_seq;
CREATE SEQUENCE appointment_code_seq;
CREATE SEQUENCE prescription_code_seq;
CREATE SEQUENCE outbox_position_seq;

-- Immutable by promise: the dictionary is part of the extension and is not edited. An index hangs on it.
CREATE FUNCTION vien_search_key(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(public.unaccent('public.unaccent'::regdictionary, normalize(value, NFC)))
$$;
"""

APPEND_ONLY = """
CREATE FUNCTION vien_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'VI001';
END $$;

CREATE FUNCTION vien_make_log_partition(log text, suffix text, bounds text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE part text := log || '_' || suffix;
BEGIN
    IF to_regclass(part) IS NOT NULL THEN RETURN; END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF %I %s', part, log, bounds);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, vien_app', part);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION vien_refuse_change()', part);
END $$;

-- Runs as the owner, so that the application can have partitions made ahead of time without owning them.
CREATE FUNCTION vien_make_log_partitions(months_ahead integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE month timestamptz; log text;
BEGIN
    FOREACH log IN ARRAY ARRAY['audit_log', 'access_log'] LOOP
        FOR month IN SELECT generate_series(date_trunc('month', now()),
                                            date_trunc('month', now()) + make_interval(months => least(months_ahead, 24)),
                                            interval '1 month') LOOP
            PERFORM vien_make_log_partition(log, to_char(month, 'YYYY_MM'),
                format('FOR VALUES FROM (%L) TO (%L)', month, month + interval '1 month'));
        END LOOP;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION vien_make_log_partition(text, text, text), vien_make_log_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vien_make_log_partitions(integer) TO vien_app;
"""

CLOSE_LOGS = """
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION vien_refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON access_log FOR EACH ROW EXECUTE FUNCTION vien_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit_log EXECUTE FUNCTION vien_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON access_log EXECUTE FUNCTION vien_refuse_change();
SELECT vien_make_log_partition('audit_log', 'default', 'DEFAULT');
SELECT vien_make_log_partition('access_log', 'default', 'DEFAULT');
SELECT vien_make_log_partitions(3);
"""

# What is signed stays as it was signed. A signed record may only become amended, by a newer signed version; a signed
# prescription may only be cancelled; a measurement may only be voided.
FREEZE = """
CREATE FUNCTION vien_same_but(a jsonb, b jsonb, VARIADIC fields text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT (a - fields) = (b - fields) $$;

CREATE FUNCTION vien_freeze_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'draft' THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        IF NEW.status <> 'amended' THEN RETURN NEW; END IF;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'signed' AND NEW.status = 'amended' AND NOT NEW.is_current
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'status', 'is_current', 'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a signed record is never changed' USING ERRCODE = 'VI002';
END $$;
CREATE TRIGGER keep_signed BEFORE UPDATE OR DELETE ON medical_records
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_record();

CREATE FUNCTION vien_freeze_diagnosis() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM medical_records WHERE status <> 'draft'
               AND id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.record_id END,
                          CASE WHEN TG_OP <> 'DELETE' THEN NEW.record_id END)) THEN
        RAISE EXCEPTION 'a signed record''s diagnoses are never changed' USING ERRCODE = 'VI002';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_signed BEFORE INSERT OR UPDATE OR DELETE ON record_diagnoses
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_diagnosis();

CREATE FUNCTION vien_freeze_prescription() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    ELSIF TG_OP = 'UPDATE' AND OLD.status = 'signed' AND NEW.status = 'cancelled'
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'status', 'updated_at', 'updated_by', 'version')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a signed prescription is never changed' USING ERRCODE = 'VI002';
END $$;
CREATE TRIGGER keep_signed BEFORE UPDATE OR DELETE ON prescriptions
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_prescription();

CREATE FUNCTION vien_freeze_prescription_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM prescriptions WHERE status <> 'draft'
               AND id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.prescription_id END,
                          CASE WHEN TG_OP <> 'DELETE' THEN NEW.prescription_id END)) THEN
        RAISE EXCEPTION 'a signed prescription''s items are never changed' USING ERRCODE = 'VI002';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_signed BEFORE INSERT OR UPDATE OR DELETE ON prescription_items
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_prescription_item();

CREATE FUNCTION vien_freeze_vital_signs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.voided_at IS NULL
        AND vien_same_but(to_jsonb(OLD), to_jsonb(NEW), 'voided_at', 'void_reason', 'updated_at', 'updated_by')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a measurement is voided, never changed' USING ERRCODE = 'VI002';
END $$;
CREATE TRIGGER keep_signed BEFORE UPDATE OR DELETE ON vital_signs
    FOR EACH ROW EXECUTE FUNCTION vien_freeze_vital_signs();
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO vien_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO vien_app;
GRANT DELETE ON staff_roles, role_permissions, record_diagnoses, prescription_items, outbox_events TO vien_app;
REVOKE INSERT, UPDATE ON hospital_info, alembic_version FROM vien_app;
REVOKE ALL ON audit_log, access_log FROM vien_app;
GRANT SELECT, INSERT ON audit_log, access_log TO vien_app;
"""


def upgrade() -> None:
    op.execute(FOUNDATION)
    op.create_table(
        "access_log",
        sa.Column("patient_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_access_log")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_access_log_at", "access_log", [sa.literal_column("at DESC")], unique=False)
    op.create_index("ix_access_log_patient_ids", "access_log", ["patient_ids"], unique=False, postgresql_using="gin")
    op.create_table(
        "audit_log",
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_audit_log")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_audit_log_at", "audit_log", [sa.literal_column("at DESC")], unique=False)
    op.create_index(
        "ix_audit_log_subject_id_at", "audit_log", ["subject_id", sa.literal_column("at DESC")], unique=False
    )
    op.create_table(
        "departments",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=True),
        sa.Column("accepts_bookings", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departments")),
        sa.UniqueConstraint("code", name=op.f("uq_departments_code")),
    )
    op.create_table(
        "hospital_info",
        sa.Column("only_row", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("only_row", name=op.f("ck_hospital_info_only_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_hospital_info")),
    )
    op.create_table(
        "medicines",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(), sa.Computed("vien_search_key(name)", persisted=True), nullable=False),
        sa.Column("strength", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("atc_code", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_medicines")),
        sa.UniqueConstraint("code", name=op.f("uq_medicines_code")),
    )
    op.create_index(
        "ix_medicines_search_name",
        "medicines",
        ["search_name"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_name": "gin_trgm_ops"},
    )
    op.create_table(
        "outbox_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_events")),
        sa.UniqueConstraint("position", name=op.f("uq_outbox_events_position")),
        sa.UniqueConstraint("sequence", name=op.f("uq_outbox_events_sequence")),
    )
    op.create_index(
        "ix_outbox_events_sequence_unplaced",
        "outbox_events",
        ["sequence"],
        unique=False,
        postgresql_where=sa.text("position IS NULL"),
    )
    op.create_table(
        "patients",
        sa.Column(
            "code",
            sa.Text(),
            server_default=sa.text("'BN-' || lpad(nextval('patient_code_seq')::text, 6, '0')"),
            nullable=False,
        ),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(), sa.Computed("vien_search_key(full_name)", persisted=True), nullable=False),
        sa.Column("born_on", sa.Date(), nullable=False),
        sa.Column(
            "sex",
            sa.Enum("male", "female", "other", name="sex", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("cccd", sa.Text(), nullable=True),
        sa.Column("bhyt", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("province", sa.Text(), nullable=True),
        sa.Column("ward", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("old_district", sa.Text(), nullable=True),
        sa.Column(
            "allergy_state",
            sa.Enum(
                "known",
                "none_known",
                "not_recorded",
                name="allergystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="not_recorded",
            nullable=False,
        ),
        sa.Column("deceased_on", sa.Date(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("cccd ~ '^[0-9]{12}$'", name=op.f("ck_patients_cccd_has_12_digits")),
        sa.CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name=op.f("ck_patients_phone_is_e164")),
        sa.CheckConstraint("deceased_on >= born_on", name=op.f("ck_patients_died_after_birth")),
        sa.CheckConstraint("length(full_name) BETWEEN 1 AND 200", name=op.f("ck_patients_full_name_has_text")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint("code", name=op.f("uq_patients_code")),
    )
    op.create_index("ix_patients_bhyt", "patients", ["bhyt"], unique=False)
    op.create_index("ix_patients_phone", "patients", ["phone"], unique=False)
    op.create_index(
        "ix_patients_search_name",
        "patients",
        ["search_name"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_name": "gin_trgm_ops"},
    )
    op.create_index(
        "uq_patients_cccd", "patients", ["cccd"], unique=True, postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_table(
        "permissions",
        sa.Column("code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_permissions")),
    )
    op.create_table(
        "roles",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("code", name=op.f("uq_roles_code")),
    )
    op.create_table(
        "patient_allergies",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("substance", sa.Text(), nullable=False),
        sa.Column("reaction", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_patient_allergies_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_allergies")),
    )
    op.create_index(op.f("ix_patient_allergies_patient_id"), "patient_allergies", ["patient_id"], unique=False)
    op.create_table(
        "patient_users",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("locale", sa.Text(), server_default="vi", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("totp_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("totp_key_id", sa.Text(), nullable=True),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=True),
        sa.Column("failed_sign_ins", sa.Integer(), server_default="0", nullable=False),
        sa.Column("throttled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_patient_users_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_users")),
        sa.UniqueConstraint("patient_id", name=op.f("uq_patient_users_patient_id")),
    )
    op.create_table(
        "role_permissions",
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("permission_code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["permission_code"], ["permissions.code"], name=op.f("fk_role_permissions_permission_code")
        ),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_role_permissions_role_id")),
        sa.PrimaryKeyConstraint("role_id", "permission_code", name=op.f("pk_role_permissions")),
    )
    op.create_index(op.f("ix_role_permissions_permission_code"), "role_permissions", ["permission_code"], unique=False)
    op.create_table(
        "staff_users",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("specialization", sa.Text(), nullable=True),
        sa.Column("licence_number", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), server_default="vi", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("totp_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("totp_key_id", sa.Text(), nullable=True),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=True),
        sa.Column("failed_sign_ins", sa.Integer(), server_default="0", nullable=False),
        sa.Column("throttled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["department_id"], ["departments.id"], name=op.f("fk_staff_users_department_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_users")),
    )
    op.create_index(op.f("ix_staff_users_department_id"), "staff_users", ["department_id"], unique=False)
    op.create_index(
        "uq_staff_users_username",
        "staff_users",
        ["username"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "appointments",
        sa.Column(
            "code",
            sa.Text(),
            server_default=sa.text("'LH-' || lpad(nextval('appointment_code_seq')::text, 6, '0')"),
            nullable=False,
        ),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "booked",
                "arrived",
                "in_progress",
                "completed",
                "cancelled",
                "no_show",
                name="appointmentstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "booked_via",
            sa.Enum("patient_portal", "desk", name="bookedvia", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("doctor_id"), "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=sa.text("status NOT IN ('cancelled', 'no_show')"),
            using="gist",
            name="ex_appointments_doctor_at_once",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("patient_id"), "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=sa.text("status NOT IN ('cancelled', 'no_show')"),
            using="gist",
            name="ex_appointments_patient_at_once",
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_appointments_ends_after_start")),
        sa.CheckConstraint("length(reason) BETWEEN 1 AND 500", name=op.f("ck_appointments_reason_has_text")),
        sa.ForeignKeyConstraint(["department_id"], ["departments.id"], name=op.f("fk_appointments_department_id")),
        sa.ForeignKeyConstraint(["doctor_id"], ["staff_users.id"], name=op.f("fk_appointments_doctor_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_appointments_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointments")),
        sa.UniqueConstraint("code", name=op.f("uq_appointments_code")),
    )
    op.create_index(
        "ix_appointments_department_id_starts_at", "appointments", ["department_id", "starts_at"], unique=False
    )
    op.create_index("ix_appointments_doctor_id_starts_at", "appointments", ["doctor_id", "starts_at"], unique=False)
    op.create_index("ix_appointments_patient_id_starts_at", "appointments", ["patient_id", "starts_at"], unique=False)
    op.create_index("ix_appointments_starts_at", "appointments", ["starts_at"], unique=False)
    op.create_table(
        "doctor_schedules",
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("slot_minutes", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("ends > starts", name=op.f("ck_doctor_schedules_ends_after_start")),
        sa.CheckConstraint("slot_minutes BETWEEN 5 AND 240", name=op.f("ck_doctor_schedules_slot_minutes")),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_doctor_schedules_valid_until_after_from")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_doctor_schedules_weekday")),
        sa.ForeignKeyConstraint(["department_id"], ["departments.id"], name=op.f("fk_doctor_schedules_department_id")),
        sa.ForeignKeyConstraint(["doctor_id"], ["staff_users.id"], name=op.f("fk_doctor_schedules_doctor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doctor_schedules")),
    )
    op.create_index(op.f("ix_doctor_schedules_department_id"), "doctor_schedules", ["department_id"], unique=False)
    op.create_index(op.f("ix_doctor_schedules_doctor_id"), "doctor_schedules", ["doctor_id"], unique=False)
    op.create_table(
        "patient_sessions",
        sa.Column("patient_user_id", sa.Uuid(), nullable=False),
        sa.Column("handoff_hash", sa.LargeBinary(), nullable=True),
        sa.Column("handoff_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_user_id"], ["patient_users.id"], name=op.f("fk_patient_sessions_patient_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_sessions")),
        sa.UniqueConstraint("handoff_hash", name=op.f("uq_patient_sessions_handoff_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_patient_sessions_token_hash")),
    )
    op.create_index(op.f("ix_patient_sessions_patient_user_id"), "patient_sessions", ["patient_user_id"], unique=False)
    op.create_table(
        "schedule_exceptions",
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_schedule_exceptions_ends_after_start")),
        sa.ForeignKeyConstraint(["doctor_id"], ["staff_users.id"], name=op.f("fk_schedule_exceptions_doctor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_exceptions")),
    )
    op.create_index(
        "ix_schedule_exceptions_doctor_id_starts_at", "schedule_exceptions", ["doctor_id", "starts_at"], unique=False
    )
    op.create_table(
        "sessions",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_users.id"], name=op.f("fk_sessions_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index(op.f("ix_sessions_staff_id"), "sessions", ["staff_id"], unique=False)
    op.create_table(
        "staff_roles",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_staff_roles_role_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_users.id"], name=op.f("fk_staff_roles_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "role_id", name=op.f("pk_staff_roles")),
    )
    op.create_index(op.f("ix_staff_roles_role_id"), "staff_roles", ["role_id"], unique=False)
    op.create_table(
        "appointment_reminders",
        sa.Column("appointment_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum("console", "email", name="channel", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "sent",
                "cancelled",
                "failed",
                name="reminderstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("due_at >= created_at", name=op.f("ck_appointment_reminders_due_after_creation")),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_appointment_reminders_appointment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_reminders")),
        sa.UniqueConstraint(
            "appointment_id", "rule", "channel", name=op.f("uq_appointment_reminders_appointment_id_rule_channel")
        ),
    )
    op.create_index(
        "ix_appointment_reminders_due_at",
        "appointment_reminders",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "medical_records",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("appointment_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft", "signed", "amended", name="recordstatus", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("is_current", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("complaint", sa.Text(), server_default="", nullable=False),
        sa.Column("history", sa.Text(), server_default="", nullable=False),
        sa.Column("examination", sa.Text(), server_default="", nullable=False),
        sa.Column("assessment", sa.Text(), server_default="", nullable=False),
        sa.Column("plan", sa.Text(), server_default="", nullable=False),
        sa.Column("amendment_reason", sa.Text(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(status = 'draft') = (signed_at IS NULL) AND (signed_at IS NULL) = (signed_by IS NULL)",
            name=op.f("ck_medical_records_signed_by_somebody"),
        ),
        sa.CheckConstraint("NOT is_current OR status = 'signed'", name=op.f("ck_medical_records_current_is_signed")),
        sa.CheckConstraint("(number = 1) = (parent_id IS NULL)", name=op.f("ck_medical_records_amends_its_parent")),
        sa.CheckConstraint(
            "number = 1 OR amendment_reason IS NOT NULL", name=op.f("ck_medical_records_amended_for_a_reason")
        ),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_medical_records_appointment_id")
        ),
        sa.ForeignKeyConstraint(["doctor_id"], ["staff_users.id"], name=op.f("fk_medical_records_doctor_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["medical_records.id"], name=op.f("fk_medical_records_parent_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_medical_records_patient_id")),
        sa.ForeignKeyConstraint(["signed_by"], ["staff_users.id"], name=op.f("fk_medical_records_signed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_medical_records")),
        sa.UniqueConstraint("series_id", "number", name=op.f("uq_medical_records_series_id_number")),
    )
    op.create_index(op.f("ix_medical_records_appointment_id"), "medical_records", ["appointment_id"], unique=False)
    op.create_index(op.f("ix_medical_records_doctor_id"), "medical_records", ["doctor_id"], unique=False)
    op.create_index(op.f("ix_medical_records_parent_id"), "medical_records", ["parent_id"], unique=False)
    op.create_index(
        "ix_medical_records_patient_id_created_at",
        "medical_records",
        ["patient_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_index(
        "uq_medical_records_current",
        "medical_records",
        ["series_id"],
        unique=True,
        postgresql_where=sa.text("is_current"),
    )
    op.create_index(
        "uq_medical_records_draft",
        "medical_records",
        ["series_id"],
        unique=True,
        postgresql_where=sa.text("status = 'draft'"),
    )
    op.create_index(
        "uq_medical_records_first",
        "medical_records",
        ["appointment_id"],
        unique=True,
        postgresql_where=sa.text("number = 1"),
    )
    op.create_table(
        "outbound_messages",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum("console", "email", name="channel", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("appointment_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "sending",
                "sent",
                "failed",
                "unknown",
                name="messagestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointments.id"], name=op.f("fk_outbound_messages_appointment_id")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_outbound_messages_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_outbound_messages_key")),
    )
    op.create_index(op.f("ix_outbound_messages_appointment_id"), "outbound_messages", ["appointment_id"], unique=False)
    op.create_index(
        "ix_outbound_messages_next_attempt_at",
        "outbound_messages",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.create_index(op.f("ix_outbound_messages_patient_id"), "outbound_messages", ["patient_id"], unique=False)
    op.create_table(
        "vital_signs",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("appointment_id", sa.Uuid(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("measured_by", sa.Uuid(), nullable=False),
        sa.Column("temperature_c", sa.Numeric(precision=4, scale=1), nullable=True),
        sa.Column("pulse", sa.Integer(), nullable=True),
        sa.Column("respiratory_rate", sa.Integer(), nullable=True),
        sa.Column("systolic", sa.Integer(), nullable=True),
        sa.Column("diastolic", sa.Integer(), nullable=True),
        sa.Column("spo2", sa.Integer(), nullable=True),
        sa.Column("weight_kg", sa.Numeric(precision=5, scale=1), nullable=True),
        sa.Column("height_cm", sa.Numeric(precision=5, scale=1), nullable=True),
        sa.Column("pain", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "diastolic BETWEEN 0 AND 250 AND diastolic <= systolic", name=op.f("ck_vital_signs_diastolic")
        ),
        sa.CheckConstraint("height_cm > 0", name=op.f("ck_vital_signs_height")),
        sa.CheckConstraint("pain BETWEEN 0 AND 10", name=op.f("ck_vital_signs_pain")),
        sa.CheckConstraint("pulse BETWEEN 0 AND 350", name=op.f("ck_vital_signs_pulse")),
        sa.CheckConstraint("respiratory_rate BETWEEN 0 AND 120", name=op.f("ck_vital_signs_respiratory_rate")),
        sa.CheckConstraint("spo2 BETWEEN 0 AND 100", name=op.f("ck_vital_signs_spo2")),
        sa.CheckConstraint("systolic BETWEEN 20 AND 350", name=op.f("ck_vital_signs_systolic")),
        sa.CheckConstraint("temperature_c BETWEEN 20 AND 45", name=op.f("ck_vital_signs_temperature")),
        sa.CheckConstraint("weight_kg > 0", name=op.f("ck_vital_signs_weight")),
        sa.ForeignKeyConstraint(["appointment_id"], ["appointments.id"], name=op.f("fk_vital_signs_appointment_id")),
        sa.ForeignKeyConstraint(["measured_by"], ["staff_users.id"], name=op.f("fk_vital_signs_measured_by")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_vital_signs_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vital_signs")),
    )
    op.create_index(op.f("ix_vital_signs_appointment_id"), "vital_signs", ["appointment_id"], unique=False)
    op.create_index(
        "ix_vital_signs_patient_id_measured_at",
        "vital_signs",
        ["patient_id", sa.literal_column("measured_at DESC")],
        unique=False,
    )
    op.create_table(
        "prescriptions",
        sa.Column(
            "code",
            sa.Text(),
            server_default=sa.text("'DT-' || lpad(nextval('prescription_code_seq')::text, 6, '0')"),
            nullable=False,
        ),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("doctor_id", sa.Uuid(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "signed",
                "cancelled",
                name="prescriptionstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("(status = 'draft') = (signed_at IS NULL)", name=op.f("ck_prescriptions_signed_at")),
        sa.ForeignKeyConstraint(["doctor_id"], ["staff_users.id"], name=op.f("fk_prescriptions_doctor_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_prescriptions_patient_id")),
        sa.ForeignKeyConstraint(["record_id"], ["medical_records.id"], name=op.f("fk_prescriptions_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prescriptions")),
        sa.UniqueConstraint("code", name=op.f("uq_prescriptions_code")),
        sa.UniqueConstraint("record_id", name=op.f("uq_prescriptions_record_id")),
    )
    op.create_index(op.f("ix_prescriptions_doctor_id"), "prescriptions", ["doctor_id"], unique=False)
    op.create_index(
        "ix_prescriptions_patient_id_created_at",
        "prescriptions",
        ["patient_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "record_diagnoses",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("primary", "secondary", name="diagnosiskind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["medical_records.id"], name=op.f("fk_record_diagnoses_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_diagnoses")),
        sa.UniqueConstraint("record_id", "code", name=op.f("uq_record_diagnoses_record_id_code")),
    )
    op.create_index(
        "uq_record_diagnoses_primary",
        "record_diagnoses",
        ["record_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'primary'"),
    )
    op.create_table(
        "prescription_items",
        sa.Column("prescription_id", sa.Uuid(), nullable=False),
        sa.Column("medicine_id", sa.Uuid(), nullable=False),
        sa.Column("medicine_name", sa.Text(), nullable=False),
        sa.Column("strength", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("dose_amount", sa.Numeric(precision=8, scale=3), nullable=False),
        sa.Column("times_per_day", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=10, scale=3), nullable=False),
        sa.Column(
            "meal_timing",
            sa.Enum(
                "any",
                "before_meal",
                "with_meal",
                "after_meal",
                "bedtime",
                name="mealtiming",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("days BETWEEN 1 AND 365", name=op.f("ck_prescription_items_days")),
        sa.CheckConstraint("dose_amount > 0 AND quantity > 0", name=op.f("ck_prescription_items_amounts_are_positive")),
        sa.CheckConstraint("times_per_day BETWEEN 1 AND 24", name=op.f("ck_prescription_items_times_per_day")),
        sa.ForeignKeyConstraint(["medicine_id"], ["medicines.id"], name=op.f("fk_prescription_items_medicine_id")),
        sa.ForeignKeyConstraint(
            ["prescription_id"], ["prescriptions.id"], name=op.f("fk_prescription_items_prescription_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prescription_items")),
        sa.UniqueConstraint(
            "prescription_id", "medicine_id", name=op.f("uq_prescription_items_prescription_id_medicine_id")
        ),
    )
    op.create_index(op.f("ix_prescription_items_medicine_id"), "prescription_items", ["medicine_id"], unique=False)
    for statements in (FREEZE, APPEND_ONLY, GRANTS, CLOSE_LOGS):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("the first revision is undone by dropping the database")
