"""Keep what happened to the platform's security, and the alerts about it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c006"
down_revision = "c005"
branch_labels = None
depends_on = None


RISKS = ("low", "medium", "high", "critical")
GROUPINGS = ("actor", "subject", "address", "hospital", "everything")


def _among(name, *values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


# Every partitioned table is a log, and gets its months ahead of time.
CLOSE = """
CREATE OR REPLACE FUNCTION vien_make_log_partitions(months_ahead integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE month timestamptz; log text;
BEGIN
    FOR log IN SELECT relname FROM pg_class
               WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace ORDER BY relname LOOP
        FOR month IN SELECT generate_series(date_trunc('month', now()),
                                            date_trunc('month', now()) + make_interval(months => least(months_ahead, 24)),
                                            interval '1 month') LOOP
            PERFORM vien_make_log_partition(log, to_char(month, 'YYYY_MM'),
                format('FOR VALUES FROM (%L) TO (%L)', month, month + interval '1 month'));
        END LOOP;
    END LOOP;
END $$;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON security_events
    FOR EACH ROW EXECUTE FUNCTION vien_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON security_events EXECUTE FUNCTION vien_refuse_change();
SELECT vien_make_log_partition('security_events', 'default', 'DEFAULT');
SELECT vien_make_log_partitions(3);
"""

GRANTS = """
GRANT SELECT, INSERT ON security_events TO vien_central_app;
GRANT SELECT, INSERT, UPDATE ON alert_rules, alerts TO vien_central_app;
"""

# What a new installation is alerted of; its own to change.
RULES = """
INSERT INTO alert_rules (id, name, kinds, least_risk, events, minutes, counted_by, severity, escalate_minutes, quiet_minutes)
VALUES
    (gen_random_uuid(), 'Tài khoản vận hành bị thử sai nhiều lần', ARRAY['sign_in.failed', 'second_factor.failed', 'confirm.failed']::text[], 'low', 5, 15, 'subject', 'high', 60, 240),
    (gen_random_uuid(), 'Một địa chỉ mạng thử ở nhiều nơi', ARRAY['sign_in.failed']::text[], 'low', 60, 15, 'address', 'high', 60, 240),
    (gen_random_uuid(), 'Người vận hành bị từ chối nhiều lần', ARRAY['access.denied']::text[], 'low', 10, 10, 'actor', 'medium', NULL, 240),
    (gen_random_uuid(), 'Nhật ký của một bệnh viện bị can thiệp', ARRAY['audit.tampered']::text[], 'low', 1, 1440, 'hospital', 'critical', 15, NULL),
    (gen_random_uuid(), 'Sự việc nghiêm trọng tại một bệnh viện', ARRAY[]::text[], 'critical', 1, 60, 'hospital', 'critical', 30, NULL),
    (gen_random_uuid(), 'Nhiều truy cập khẩn cấp tại một bệnh viện', ARRAY['emergency_access.begin']::text[], 'low', 20, 1440, 'hospital', 'medium', NULL, 2880),
    (gen_random_uuid(), 'Quy tắc truy cập bị đổi nhiều lần', ARRAY['gateway.change']::text[], 'low', 10, 60, 'actor', 'medium', NULL, 1440);
"""

EARLIER = """
CREATE OR REPLACE FUNCTION vien_make_log_partitions(months_ahead integer) RETURNS void
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
"""


def upgrade() -> None:
    op.create_table(
        "security_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hospital_id", sa.Uuid(), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("risk", _among("risk", *RISKS), nullable=False),
        sa.Column("portal", sa.Text(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("address_index", sa.LargeBinary(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_security_events")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_security_events_at", "security_events", [sa.literal_column("at DESC")], unique=False)
    op.create_index("ix_security_events_heard_at", "security_events", [sa.literal_column("heard_at DESC")], unique=False)
    op.create_index(
        "ix_security_events_kind_at", "security_events", ["kind", sa.literal_column("at DESC")], unique=False
    )
    op.create_index(
        "ix_security_events_hospital_id_at", "security_events", ["hospital_id", sa.literal_column("at DESC")], unique=False
    )
    op.create_table(
        "alert_rules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("least_risk", _among("least_risk", *RISKS), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("counted_by", _among("grouping", *GROUPINGS), nullable=False),
        sa.Column("severity", _among("severity", *RISKS), nullable=False),
        sa.Column("escalate_minutes", sa.Integer(), nullable=True),
        sa.Column("quiet_minutes", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("events BETWEEN 1 AND 100000", name=op.f("ck_alert_rules_counts_events")),
        sa.CheckConstraint("minutes BETWEEN 1 AND 10080", name=op.f("ck_alert_rules_lasts_minutes")),
        sa.CheckConstraint("escalate_minutes > 0", name=op.f("ck_alert_rules_escalates_later")),
        sa.CheckConstraint("quiet_minutes > 0", name=op.f("ck_alert_rules_ends_later")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rules")),
    )
    op.create_table(
        "alerts",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("hospital_id", sa.Uuid(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("severity", _among("risk", *RISKS), nullable=False),
        sa.Column("state", _among("alertstate", "open", "taken", "resolved"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("owner_name", sa.Text(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_alerts_hospital_id")),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rules.id"], name=op.f("fk_alerts_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_hospital_id"), "alerts", ["hospital_id"], unique=False)
    op.create_index(
        "uq_alerts_rule_id_key",
        "alerts",
        ["rule_id", "key"],
        unique=True,
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_index(
        "ix_alerts_state_opened_at", "alerts", ["state", sa.literal_column("opened_at DESC")], unique=False
    )
    op.create_index(
        "ix_alerts_rule_id_opened_at", "alerts", ["rule_id", sa.literal_column("opened_at DESC")], unique=False
    )
    op.execute(CLOSE)
    op.execute(GRANTS)
    op.execute(RULES)


def downgrade() -> None:
    op.drop_table("alerts")
    op.drop_table("alert_rules")
    op.drop_table("security_events")
    op.execute(EARLIER)
