"""Keep what happened to the hospital's security."""

revision = "h007"
down_revision = "h006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
