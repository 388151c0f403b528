"""Carry events: reconciliations of the index, usage by day, configuration handed down, hospitals' own consumers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "c009"
down_revision = "c008"
branch_labels = None
depends_on = None

RUN_STATUS = sa.Enum("running", "succeeded", "failed", name="runstatus", native_enum=False, length=32)
GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON reconciliations, usage_daily, outbox_consumers, configuration,
    configuration_applied TO vien_central_app;
GRANT SELECT, USAGE, UPDATE ON SEQUENCE configuration_version_seq TO vien_central_app;
"""

# What an installation is alerted of; its own to change.
RULES = """
INSERT INTO alert_rules (id, name, kinds, least_risk, events, minutes, counted_by, severity, escalate_minutes, quiet_minutes)
VALUES
    ('0198c009-0000-7000-8000-000000000001', 'Chỉ mục bệnh nhân bị lệch', ARRAY['index.drifted']::text[], 'low', 1, 1440, 'hospital', 'medium', NULL, 2880);
"""
FORGET = """
DELETE FROM alerts WHERE rule_id::text LIKE '0198c009-0000-7000-8000-%';
DELETE FROM alert_rules WHERE id::text LIKE '0198c009-0000-7000-8000-%';
"""


def _hospital(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f(f"fk_{table}_hospital_id"))


def upgrade() -> None:
    op.add_column("patient_index", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("status", RUN_STATUS, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("patients", sa.Integer(), nullable=False),
        sa.Column("ranges", sa.Integer(), nullable=False),
        sa.Column("ranges_differing", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("different", sa.Integer(), nullable=False),
        sa.Column("surplus", sa.Integer(), nullable=False),
        sa.Column("mended", sa.Integer(), nullable=False),
        sa.Column("checksum", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('running', 'succeeded', 'failed')", name=op.f("ck_reconciliations_runstatus")),
        _hospital("reconciliations"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
    )
    op.create_index(
        "ix_reconciliations_hospital_id_started_at",
        "reconciliations",
        ["hospital_id", sa.literal_column("started_at DESC")],
    )
    op.create_table(
        "usage_daily",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("source_position", sa.BigInteger(), nullable=False),
        sa.Column("active_staff", sa.Integer(), nullable=False),
        sa.Column("active_patients", sa.Integer(), nullable=False),
        sa.Column("patients_registered", sa.Integer(), nullable=False),
        sa.Column("appointments", sa.Integer(), nullable=False),
        sa.Column("visits_completed", sa.Integer(), nullable=False),
        sa.Column("looks", JSONB(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        _hospital("usage_daily"),
        sa.PrimaryKeyConstraint("hospital_id", "day", name=op.f("pk_usage_daily")),
    )
    op.create_index("ix_usage_daily_day", "usage_daily", ["day"])
    op.create_table(
        "outbox_consumers",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        _hospital("outbox_consumers"),
        sa.PrimaryKeyConstraint("hospital_id", "consumer", name=op.f("pk_outbox_consumers")),
    )
    op.execute("CREATE SEQUENCE configuration_version_seq")
    op.create_table(
        "configuration",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", JSONB(), nullable=True),
        sa.Column(
            "version", sa.BigInteger(), server_default=sa.text("nextval('configuration_version_seq')"), nullable=False
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_configuration")),
    )
    op.create_table(
        "configuration_applied",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        _hospital("configuration_applied"),
        sa.PrimaryKeyConstraint("hospital_id", "name", name=op.f("pk_configuration_applied")),
    )
    op.execute(GRANTS)
    op.execute(RULES)


def downgrade() -> None:
    op.execute(FORGET)
    op.drop_table("configuration_applied")
    op.drop_table("configuration")
    op.execute("DROP SEQUENCE configuration_version_seq")
    op.drop_table("outbox_consumers")
    op.drop_table("usage_daily")
    op.drop_table("reconciliations")
    op.drop_column("patient_index", "merged_into")
