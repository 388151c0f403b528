"""Let patients' transactions see their own rows only."""

revision = "h010"
down_revision = "h009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
