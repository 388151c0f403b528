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


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("platform_sessions", name)
