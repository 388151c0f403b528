"""Keep hospitals: the ledger of long work, backups, restores, migrations, credentials, and what comes at the end."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c002"
down_revision = "c001"
branch_labels = None
depends_on = None

STATUSES = ("provisioning", "active", "suspended", "archived", "deleted")

# What stopped half-way goes on: a hospital that is being made has its steps in the one ledger from now on.
CARRY_OVER = """
INSERT INTO operations (id, kind, hospital_id, state, arguments, result, requested_by_kind, requested_by_name, requested_at)
SELECT gen_random_uuid(), 'hospital.create', id, 'queued', '{}', '{}', 'system', 'upgrade', created_at
FROM hospitals WHERE status = 'provisioning';
INSERT INTO operation_steps (id, operation_id, step, state, started_at, finished_at, error, details)
SELECT p.id, o.id, p.step, p.state, p.started_at, p.finished_at, p.error, '{}'
FROM provisioning_steps p JOIN operations o ON o.hospital_id = p.hospital_id;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON operations, operation_steps, hospital_leases, backups, backup_policies, restore_runs,
    retired_databases, retired_logins, migration_runs, isolation_checks, uptime_daily TO vien_central_app;
GRANT SELECT, INSERT ON deletion_certificates TO vien_central_app;
GRANT DELETE ON hospital_leases, sync_runs, patient_index, sync_cursors, hospital_databases, hospital_administrators
    TO vien_central_app;
"""


def _allow_statuses(statuses: tuple[str, ...]) -> None:
    """Change the closed set without reading the table under an exclusive lock."""
    listed = ", ".join(f"'{status}'" for status in statuses)
    op.execute("ALTER TABLE hospitals DROP CONSTRAINT ck_hospitals_hospitalstatus")
    op.execute(
        f"ALTER TABLE hospitals ADD CONSTRAINT ck_hospitals_hospitalstatus CHECK (status IN ({listed})) NOT VALID"
    )
    op.execute("ALTER TABLE hospitals VALIDATE CONSTRAINT ck_hospitals_hospitalstatus")


def upgrade() -> None:
    op.create_table(
        "isolation_checks",
        sa.Column(
            "state",
            sa.Enum(
                "running", "passed", "failed", name="checkstate", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("roles", sa.Integer(), server_default="0", nullable=False),
        sa.Column("databases", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("findings", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_isolation_checks")),
    )
    op.create_index(
        "ix_isolation_checks_started_at", "isolation_checks", [sa.literal_column("started_at DESC")], unique=False
    )
    op.create_table(
        "backup_policies",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("every_hours", sa.Integer(), nullable=False),
        sa.Column("keep_daily", sa.Integer(), nullable=False),
        sa.Column("keep_weekly", sa.Integer(), nullable=False),
        sa.Column("keep_monthly", sa.Integer(), nullable=False),
        sa.Column("keep_yearly", sa.Integer(), nullable=False),
        sa.Column("drill_every_days", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "every_hours > 0 AND drill_every_days > 0 AND keep_daily > 0 AND keep_weekly >= 0 AND keep_monthly >= 0 AND keep_yearly >= 0",
            name=op.f("ck_backup_policies_makes_sense"),
        ),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_backup_policies_hospital_id")),
        sa.PrimaryKeyConstraint("hospital_id", name=op.f("pk_backup_policies")),
    )
    op.create_table(
        "deletion_certificates",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_deletion_certificates_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletion_certificates")),
        sa.UniqueConstraint("hospital_id", name=op.f("uq_deletion_certificates_hospital_id")),
    )
    op.create_table(
        "hospital_leases",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("runner", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_hospital_leases_hospital_id")),
        sa.PrimaryKeyConstraint("hospital_id", name=op.f("pk_hospital_leases")),
    )
    op.create_table(
        "operations",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hospital_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "succeeded",
                "failed",
                "cancelled",
                name="operationstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("arguments", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("result", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("requested_by_kind", sa.Text(), nullable=False),
        sa.Column("requested_by_name", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("runner", sa.Text(), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_operations_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
    )
    op.create_index(
        "ix_operations_hospital_id_requested_at",
        "operations",
        ["hospital_id", sa.literal_column("requested_at DESC")],
        unique=False,
    )
    op.create_index(
        "ix_operations_kind_requested_at", "operations", ["kind", sa.literal_column("requested_at DESC")], unique=False
    )
    op.create_index("ix_operations_requested_at", "operations", [sa.literal_column("requested_at DESC")], unique=False)
    op.create_index(
        "ix_operations_unfinished",
        "operations",
        ["requested_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "retired_databases",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("database_name", sa.Text(), nullable=False),
        sa.Column("login_role", sa.Text(), nullable=False),
        sa.Column("password_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("password_nonce", sa.LargeBinary(), nullable=False),
        sa.Column("password_key_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drop_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("brought_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["database_clusters.id"], name=op.f("fk_retired_databases_cluster_id")),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_retired_databases_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retired_databases")),
    )
    op.create_index(op.f("ix_retired_databases_cluster_id"), "retired_databases", ["cluster_id"], unique=False)
    op.create_index(op.f("ix_retired_databases_hospital_id"), "retired_databases", ["hospital_id"], unique=False)
    op.create_table(
        "retired_logins",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("login_role", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drop_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["database_clusters.id"], name=op.f("fk_retired_logins_cluster_id")),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_retired_logins_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retired_logins")),
    )
    op.create_index(op.f("ix_retired_logins_cluster_id"), "retired_logins", ["cluster_id"], unique=False)
    op.create_index(op.f("ix_retired_logins_hospital_id"), "retired_logins", ["hospital_id"], unique=False)
    op.create_table(
        "uptime_daily",
        sa.Column("hospital_id", sa.Uuid(), nullable=True),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("up", sa.Integer(), nullable=False),
        sa.Column("degraded", sa.Integer(), nullable=False),
        sa.Column("down", sa.Integer(), nullable=False),
        sa.Column("mean_ms", sa.Double(), nullable=True),
        sa.Column("p95_ms", sa.Double(), nullable=True),
        sa.Column("longest_ms", sa.Double(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_uptime_daily_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uptime_daily")),
        sa.UniqueConstraint(
            "hospital_id",
            "service",
            "day",
            name=op.f("uq_uptime_daily_hospital_id_service_day"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_uptime_daily_day", "uptime_daily", ["day"], unique=False)
    op.create_table(
        "backups",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("operation_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "running",
                "complete",
                "failed",
                "pruned",
                name="backupstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("plain_bytes", sa.BigInteger(), nullable=True),
        sa.Column("checksum", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("manifest", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("pinned_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_backups_hospital_id")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_backups_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
        sa.UniqueConstraint("location", name=op.f("uq_backups_location")),
    )
    op.create_index(
        "ix_backups_hospital_id_started_at",
        "backups",
        ["hospital_id", sa.literal_column("started_at DESC")],
        unique=False,
    )
    op.create_index(op.f("ix_backups_operation_id"), "backups", ["operation_id"], unique=False)
    op.create_table(
        "migration_runs",
        sa.Column("operation_id", sa.Uuid(), nullable=False),
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("from_revision", sa.Text(), nullable=True),
        sa.Column("to_revision", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "running",
                "succeeded",
                "failed",
                "quarantined",
                "rolled_back",
                name="migrationstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_ms", sa.Double(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_migration_runs_hospital_id")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_migration_runs_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_migration_runs")),
        sa.UniqueConstraint("operation_id", "hospital_id", name=op.f("uq_migration_runs_operation_id_hospital_id")),
    )
    op.create_index(
        "ix_migration_runs_hospital_id",
        "migration_runs",
        ["hospital_id", sa.literal_column("started_at DESC")],
        unique=False,
    )
    op.create_table(
        "operation_steps",
        sa.Column("operation_id", sa.Uuid(), nullable=False),
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
        sa.Column("details", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_operation_steps_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation_steps")),
        sa.UniqueConstraint("operation_id", "step", name=op.f("uq_operation_steps_operation_id_step")),
    )
    op.create_table(
        "restore_runs",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("backup_id", sa.Uuid(), nullable=True),
        sa.Column("operation_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "running",
                "succeeded",
                "failed",
                name="restorestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("database_name", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("mismatches", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["backup_id"], ["backups.id"], name=op.f("fk_restore_runs_backup_id")),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_restore_runs_hospital_id")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_restore_runs_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restore_runs")),
    )
    op.create_index(op.f("ix_restore_runs_backup_id"), "restore_runs", ["backup_id"], unique=False)
    op.create_index(
        "ix_restore_runs_hospital_id_started_at",
        "restore_runs",
        ["hospital_id", sa.literal_column("started_at DESC")],
        unique=False,
    )
    op.create_index(op.f("ix_restore_runs_operation_id"), "restore_runs", ["operation_id"], unique=False)
    op.add_column(
        "database_clusters", sa.Column("target_session_attrs", sa.Text(), server_default="any", nullable=False)
    )
    op.add_column("database_clusters", sa.Column("pooler_host", sa.Text(), nullable=True))
    op.add_column("database_clusters", sa.Column("pooler_port", sa.Integer(), nullable=True))
    op.add_column("database_clusters", sa.Column("capacity_gb", sa.Integer(), nullable=True))
    op.add_column("database_clusters", sa.Column("accepts_new", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("hospitals", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("hospitals", sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("hospitals", sa.Column("quarantine_reason", sa.Text(), nullable=True))
    op.add_column("hospitals", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("hospitals", sa.Column("delete_after", sa.DateTime(timezone=True), nullable=True))
    op.add_column("hospitals", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("hospital_administrators", sa.Column("email", sa.Text(), nullable=True))
    op.drop_constraint(op.f("ck_hospital_administrators_hash_until_handed_over"), "hospital_administrators")
    op.create_check_constraint(
        op.f("ck_hospital_administrators_hash_until_handed_over"),
        "hospital_administrators",
        "password_hash IS NULL OR handed_over_at IS NULL",
    )
    _allow_statuses(STATUSES)
    op.execute(CARRY_OVER)
    op.drop_table("provisioning_steps")
    op.execute(GRANTS)


def downgrade() -> None:
    raise NotImplementedError("the ledgers would be lost; restore the central database from its backup instead")
