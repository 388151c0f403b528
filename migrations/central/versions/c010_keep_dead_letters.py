"""Keep what could not be done: dead letters with their reason."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c010"
down_revision = "c009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)

# What an installation is alerted of; its own to change.
RULES = """
INSERT INTO alert_rules (id, name, kinds, least_risk, events, minutes, counted_by, severity, escalate_minutes, quiet_minutes)
VALUES
    ('0198c010-0000-7000-8000-000000000001', 'Có việc không thực hiện được', ARRAY['work.given_up']::text[], 'low', 1, 60, 'hospital', 'medium', 240, NULL),
    ('0198c010-0000-7000-8000-000000000002', 'Có việc giả mạo trong hàng đợi', ARRAY['job.forged']::text[], 'low', 1, 1440, 'everything', 'critical', 15, NULL);
"""
FORGET = """
DELETE FROM alerts WHERE rule_id::text LIKE '0198c010-0000-7000-8000-%';
DELETE FROM alert_rules WHERE id::text LIKE '0198c010-0000-7000-8000-%';
"""


def _among(name, *values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("hospital_id", sa.Uuid(), nullable=True),
        sa.Column("source", _among("lettersource", "job", "event", "message"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", _among("deadletterstate", "open", "retried", "dismissed"), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_name", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("attempts > 0", name=op.f("ck_dead_letters_was_tried")),
        sa.CheckConstraint("state = 'open' OR decided_at IS NOT NULL", name=op.f("ck_dead_letters_decided_when")),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_dead_letters_hospital_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index(op.f("ix_dead_letters_hospital_id"), "dead_letters", ["hospital_id"], unique=False)
    op.create_index(
        "uq_dead_letters_key", "dead_letters", ["key"], unique=True, postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(
        "ix_dead_letters_state_last_at", "dead_letters", ["state", sa.literal_column("last_at DESC")], unique=False
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON dead_letters TO vien_central_app")
    op.execute(RULES)


def downgrade() -> None:
    op.execute(FORGET)
    op.drop_table("dead_letters")
