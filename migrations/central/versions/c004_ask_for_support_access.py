"""Keep operators' requests to see a hospital from inside, and how their sessions were proven."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c004"
down_revision = "c003"
branch_labels = None
depends_on = None

COLUMNS = {
    "ended_reason": sa.Text(),
    "proven_at": sa.DateTime(timezone=True),
    "second_factor": sa.Text(),
    "device_hash": sa.LargeBinary(),
}

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("platform_sessions", sa.Column(name, kind, nullable=True))
    op.execute("GRANT DELETE ON platform_sessions TO vien_central_app")  # what ended months ago is forgotten
    op.create_table(
        "support_requests",
        sa.Column("hospital_id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("operator_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("carried_at", MOMENT, nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("granted_until", MOMENT, nullable=True),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('asked', 'granted', 'refused', 'withdrawn', 'ended')",
            name=op.f("ck_support_requests_supportstate"),
        ),
        sa.CheckConstraint("hours BETWEEN 1 AND 72", name=op.f("ck_support_requests_hours_are_few")),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospitals.id"], name=op.f("fk_support_requests_hospital_id")),
        sa.ForeignKeyConstraint(["operator_id"], ["platform_users.id"], name=op.f("fk_support_requests_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_support_requests")),
    )
    op.create_index(op.f("ix_support_requests_hospital_id"), "support_requests", ["hospital_id"], unique=False)
    op.create_index(op.f("ix_support_requests_operator_id"), "support_requests", ["operator_id"], unique=False)
    op.create_index(
        "uq_support_requests_open",
        "support_requests",
        ["hospital_id", "operator_id"],
        unique=True,
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON support_requests TO vien_central_app")


def downgrade() -> None:
    op.drop_table("support_requests")
    op.execute("REVOKE DELETE ON platform_sessions FROM vien_central_app")
    for name in reversed(COLUMNS):
        op.drop_column("platform_sessions", name)
