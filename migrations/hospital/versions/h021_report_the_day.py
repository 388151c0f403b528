"""Report the day: figures in materialized views."""

revision = "h021"
down_revision = "h020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
