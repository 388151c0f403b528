"""Keep documents: versions, and what they belong to."""

revision = "h020"
down_revision = "h019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
