"""Make the central database: the register of hospitals, operators, the blind patient index, runs, the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c001"
down_revision = None
branch_labels = None
depends_on = None

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
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, vien_central_app', part);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION vien_refuse_change()', part);
END $$;

-- Runs as the owner, so that the application can have partitions made ahead of time without owning them.
CREATE FUNCTION vien_make_log_partitions(months_ahead integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE month timestamptz; log text;
BEGIN
    FOREACH log IN ARRAY ARRAY['platform_audit_log'] LOOP
        FOR month IN SELECT generate_series(date_trunc('month', now()),
                                            date_trunc('month', now()) + make_interval(months => least(months_ahead, 24)),
                                            interval '1 month') LOOP
            PERFORM vien_make_log_partition(log, to_char(month, 'YYYY_MM'),
                format('FOR VALUES FROM (%L) TO (%L)', month, month + interval '1 month'));
        END LOOP;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION vien_make_log_partition(text, text, text), vien_make_log_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vien_make_log_partitions(integer) TO vien_central_app;
"""

CLOSE_LOGS = """
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON platform_audit_log
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON platform_audit_log EXECUTE FUNCTION vien_refuse_change();
SELECT vien_make_log_partition('platform_audit_log', 'default', 'DEFAULT');
SELECT vien_make_log_partitions(3);
"""

# Every web process listens, and forgets what it remembers of hospitals when one of them changes.
ANNOUNCE = """
CREATE FUNCTION vien_announce_registry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('vien_registry', '');
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON hospitals EXECUTE FUNCTION vien_announce_registry();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON hospital_databases EXECUTE FUNCTION vien_announce_registry();
CREATE TRIGGER announce AFTER UPDATE ON database_clusters EXECUTE FUNCTION vien_announce_registry();
"""

GRANTS_BEFORE_LOGS = """
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO vien_central_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO vien_central_app;
GRANT DELETE ON platform_user_permissions, health_checks TO vien_central_app;
REVOKE ALL ON platform_audit_log FROM vien_central_app;
GRANT SELECT, INSERT ON platform_audit_log TO vien_central_app;
REVOKE INSERT, UPDATE ON alembic_version FROM vien_central_app;
"""


def upgrade() -> None:
    op.create_table(
        "database_clusters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("tls_mode", sa.Text(), nullable=False),
        sa.Column("admin_credential", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_database_clusters")),
        sa.UniqueConstraint("name", name=op.f("uq_database_clusters_name")),
    )
    op.create_table(
        "hospitals",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("custom_domain", sa.Text(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "provisioning",
                "active",
                "suspended",
                "archived",
                name="hospitalstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("max_users", sa.Integer(), nullable=False),
        sa.Column("max_storage_gb", sa.Integer(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("isolation", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("schema_revision", sa.Text(), nullable=True),
        sa.Column("is_demo", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'", name=op.f("ck_hospitals_code_is_a_slug")),
        sa.CheckConstraint("max_users > 0 AND max_storage_gb > 0", name=op.f("ck_hospitals_limits_are_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hospitals")),
        sa.UniqueConstraint("code", name=op.f("uq_hospitals_code")),
        sa.UniqueConstraint("custom_domain", name=op.f("uq_hospitals_custom_domain")),
    )
    op.create_table(
        "platform_audit_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("hospital_id", sa.Uuid(), nullable=True),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("risk", sa.Text(), server_default="low", nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_platform_audit_log")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_platform_audit_log_at", "platform_audit_log", [sa.literal_column("at DESC")], unique=False)
    op.create_index(
        "ix_platform_audit_log_hospital_id_at",
        "platform_audit_log",
        ["hospital_id", sa.literal_column("at DESC")],
        unique=False,
    )
    op.create_table(
        "platform_permissions",
        sa.Column("code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_platform_permissions")),
    )
    op.create_table(
        "platform_users",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "super_admin",
                "technician",
                "support",
                name="operatorrole",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("totp_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("totp_key_id", sa.Text(), nullable=True),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=True),
        sa.Column("failed_sign_ins", sa.Integer(), server_default="0", nullable=False),
        sa.Column("throttled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locale", sa.Text(), server_default="vi", nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_users")),
        sa.UniqueConstraint("username", name=op.f("uq_platform_users_username")),
    )
    op.create_table(
        "health_checks",
        sa.Column("hospital_id", sa.Uuid(), nullable=True),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "up", "degraded", "down", name="healthstatus", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("response_ms", sa.Double(), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_health_checks_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_checks")),
    )
    op.create_index("ix_health_checks_checked_at", "health_checks", ["checked_at"], unique=False)
    op.create_index(
        "ix_health_checks_hospital_id_checked_at",
        "health_checks",
        ["hospital_id", "service", sa.literal_column("checked_at DESC")],
        unique=False,
    )
    op.create_table(
        "hospital_administrators",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(password_hash IS NULL) = (handed_over_at IS NOT NULL)",
            name=op.f("ck_hospital_administrators_hash_until_handed_over"),
        ),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_hospital_administrators_hospital_id")),
        sa.PrimaryKeyConstraint("hospital_id", name=op.f("pk_hospital_administrators")),
    )
    op.create_table(
        "hospital_databases",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("database_name", sa.Text(), nullable=False),
        sa.Column("login_role", sa.Text(), nullable=False),
        sa.Column("password_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("password_nonce", sa.LargeBinary(), nullable=False),
        sa.Column("password_key_id", sa.Text(), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replica_ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("replica_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("replica_key_id", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["database_clusters.id"], name=op.f("fk_hospital_databases_cluster_id")
        ),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_hospital_databases_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hospital_databases")),
        sa.UniqueConstraint("cluster_id", "database_name", name=op.f("uq_hospital_databases_cluster_id_database_name")),
        sa.UniqueConstraint("hospital_id", name=op.f("uq_hospital_databases_hospital_id")),
    )
    op.create_index(op.f("ix_hospital_databases_cluster_id"), "hospital_databases", ["cluster_id"], unique=False)
    op.create_table(
        "patient_index",
        sa.Column("patient_global_id", sa.Uuid(), nullable=False),
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("cccd_index", sa.LargeBinary(), nullable=True),
        sa.Column("bhyt_index", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("email_index", sa.LargeBinary(), nullable=True),
        sa.Column("name_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("name_nonce", sa.LargeBinary(), nullable=False),
        sa.Column("name_key_id", sa.Text(), nullable=False),
        sa.Column("source_version", sa.BigInteger(), nullable=False),
        sa.Column("deactivated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_patient_index_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_index")),
        sa.UniqueConstraint("hospital_id", "patient_id", name=op.f("uq_patient_index_hospital_id_patient_id")),
    )
    op.create_index(op.f("ix_patient_index_bhyt_index"), "patient_index", ["bhyt_index"], unique=False)
    op.create_index(op.f("ix_patient_index_cccd_index"), "patient_index", ["cccd_index"], unique=False)
    op.create_index(op.f("ix_patient_index_email_index"), "patient_index", ["email_index"], unique=False)
    op.create_index(op.f("ix_patient_index_patient_global_id"), "patient_index", ["patient_global_id"], unique=False)
    op.create_index(op.f("ix_patient_index_phone_index"), "patient_index", ["phone_index"], unique=False)
    op.create_table(
        "platform_sessions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["platform_users.id"], name=op.f("fk_platform_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_platform_sessions_token_hash")),
    )
    op.create_index(op.f("ix_platform_sessions_user_id"), "platform_sessions", ["user_id"], unique=False)
    op.create_table(
        "platform_user_permissions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("permission_code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["permission_code"],
            ["platform_permissions.code"],
            name=op.f("fk_platform_user_permissions_permission_code"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["platform_users.id"], name=op.f("fk_platform_user_permissions_user_id")),
        sa.PrimaryKeyConstraint("user_id", "permission_code", name=op.f("pk_platform_user_permissions")),
    )
    op.create_index(
        op.f("ix_platform_user_permissions_permission_code"),
        "platform_user_permissions",
        ["permission_code"],
        unique=False,
    )
    op.create_table(
        "provisioning_steps",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "running", "done", "failed", name="stepstate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_provisioning_steps_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provisioning_steps")),
        sa.UniqueConstraint("hospital_id", "step", name=op.f("uq_provisioning_steps_hospital_id_step")),
    )
    op.create_table(
        "sync_cursors",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_sync_cursors_hospital_id")),
        sa.PrimaryKeyConstraint("hospital_id", "consumer", name=op.f("pk_sync_cursors")),
    )
    op.create_table(
        "sync_runs",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "running", "succeeded", "failed", name="runstatus", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("from_position", sa.BigInteger(), nullable=False),
        sa.Column("to_position", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("checksum", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_sync_runs_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_runs")),
    )
    op.create_index(
        "ix_sync_runs_hospital_id_started_at",
        "sync_runs",
        ["hospital_id", sa.literal_column("started_at DESC")],
        unique=False,
    )
    for statements in (APPEND_ONLY, ANNOUNCE, GRANTS_BEFORE_LOGS, CLOSE_LOGS):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("the first revision is undone by dropping the database")
