"""Keep consents, requests, legal holds, retention and breaches."""

revision = "h009"
down_revision = "h008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
