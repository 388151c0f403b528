"""Carry events: reconciliations of the index, usage by day, configuration handed down."""

revision = "c009"
down_revision = "c008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
