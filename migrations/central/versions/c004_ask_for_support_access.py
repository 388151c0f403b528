"""Keep operators' requests to see a hospital from inside, and how their sessions were proven."""

import sqlalchemy as sa
from alembic import op

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


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("platform_sessions", sa.Column(name, kind, nullable=True))
    op.execute("GRANT DELETE ON platform_sessions TO vien_central_app")  # what ended months ago is forgotten


def downgrade() -> None:
    op.execute("REVOKE DELETE ON platform_sessions FROM vien_central_app")
    for name in reversed(COLUMNS):
        op.drop_column("platform_sessions", name)
