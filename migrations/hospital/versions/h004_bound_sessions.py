"""Bound sessions by their kind, and let operators in on a hospital's word."""

import sqlalchemy as sa
from alembic import op

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


def upgrade() -> None:
    for table in SESSIONS:
        for name, kind in COLUMNS.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.execute("GRANT DELETE ON sessions, patient_sessions TO vien_app")  # what ended months ago is forgotten


def downgrade() -> None:
    op.execute("REVOKE DELETE ON sessions, patient_sessions FROM vien_app")
    for table in SESSIONS:
        for name in reversed(COLUMNS):
            op.drop_column(table, name)
