"""Seal the platform's log, and keep the heads of hospitals' logs."""

revision = "c007"
down_revision = "c006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
