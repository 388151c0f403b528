"""Bound sessions by their kind, and let operators in on a hospital's word."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "h004"
down_revision = "h003"
branch_labels = None
depends_on = None

SESSIONS = ("sessions", "patient_sessions")
COLUMNS = {
    "ended_reason": sa.Text(),
    "proven_at": sa.DateTime(timezone=True),
    "second_factor": sa.Text(),
    "device_hash": sa.LargeBinary(),
}

STATES = "state IN ('asked', 'granted', 'refused', 'withdrawn', 'ended')"
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for table in SESSIONS:
        for name, kind in COLUMNS.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.execute("GRANT DELETE ON sessions, patient_sessions TO vien_app")  # what ended months ago is forgotten
    _make_support_tables()
    op.execute("GRANT SELECT, INSERT, UPDATE ON support_grants, support_sessions TO vien_app")


def _make_support_tables() -> None:
    op.create_table(
        "support_grants",
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("operator_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("hours_asked", sa.Integer(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("hours", sa.Integer(), nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(STATES, name=op.f("ck_support_grants_supportstate")),
        sa.CheckConstraint("hours BETWEEN 1 AND 72", name=op.f("ck_support_grants_hours_are_few")),
        sa.CheckConstraint(
            "state <> 'granted' OR expires_at IS NOT NULL", name=op.f("ck_support_grants_granted_for_a_time")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["staff_users.id"], name=op.f("fk_support_grants_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support_grants")),
    )
    op.create_index(op.f("ix_support_grants_decided_by"), "support_grants", ["decided_by"], unique=False)
    op.create_index("ix_support_grants_asked_at", "support_grants", [sa.literal_column("asked_at DESC")], unique=False)
    op.create_table(
        "support_sessions",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("handoff_hash", sa.LargeBinary(), nullable=True),
        sa.Column("handoff_expires_at", MOMENT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.Column("proven_at", MOMENT, nullable=True),
        sa.Column("second_factor", sa.Text(), nullable=True),
        sa.Column("device_hash", sa.LargeBinary(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["grant_id"], ["support_grants.id"], name=op.f("fk_support_sessions_grant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support_sessions")),
        sa.UniqueConstraint("handoff_hash", name=op.f("uq_support_sessions_handoff_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_support_sessions_token_hash")),
    )
    op.create_index(op.f("ix_support_sessions_grant_id"), "support_sessions", ["grant_id"], unique=False)


def downgrade() -> None:
    op.drop_table("support_sessions")
    op.drop_table("support_grants")
    op.execute("REVOKE DELETE ON sessions, patient_sessions FROM vien_app")
    for table in SESSIONS:
        for name in reversed(COLUMNS):
            op.drop_column(table, name)
