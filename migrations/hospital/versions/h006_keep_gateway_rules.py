"""Keep the hospital's own rules of its gateway."""

revision = "h006"
down_revision = "h005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
