"""Seal the logs in batches."""

revision = "h008"
down_revision = "h007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
